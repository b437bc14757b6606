"""All Python benchmarks, one after the other, or one of them by name.

python -m bench                              all, with their defaults
python -m bench call|step|import [options]   one; --help lists its options
"""

import subprocess
import sys

NAMES = ("call", "step", "import")


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__.strip())
        if arguments:
            return 0
    elif arguments[0] not in NAMES:
        raise SystemExit(f"expected one of {', '.join(NAMES)}; got {arguments[0]!r}")
    for name in arguments[:1] or NAMES:
        print(f"\n== bench_{name}", flush=True)
        # A process of its own: it starts itself again with the thread counts of its options.
        command = [sys.executable, "-m", f"bench.bench_{name}", *arguments[1:]]
        code = subprocess.run(command, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

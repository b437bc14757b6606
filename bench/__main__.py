"""All Python benchmarks, one after the other, or one of them by name.

python -m bench                          all, with their defaults
python -m bench call|step [options]      one; --help lists its options
"""

import runpy
import sys

NAMES = ("call", "step")


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__.strip())
        if arguments:
            return
    elif arguments[0] not in NAMES:
        raise SystemExit(f"expected one of {', '.join(NAMES)}; got {arguments[0]!r}")
    for name in arguments[:1] or NAMES:
        print(f"\n== bench_{name}", flush=True)
        sys.argv = [f"bench_{name}", *arguments[1:]]
        runpy.run_module(f"bench.bench_{name}", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Tells two builds apart beyond noise.

python -m bench.compare A.json B.json [--threshold 0.05]
python -m bench.compare --sites PATH_A PATH_B [--threshold 0.02] [--processes 3] [--json FILE]

The first reads two records of `python -m bench`: a figure differs where the quartiles do not
overlap and the medians are further apart than the threshold. Runs at different times differ by the
state of the machine too, so the second is the sharper: it measures two builds in turns, each in
processes of its own, since where a process happens to lie in memory moves its times. There a figure
differs where in every pair of processes both quartiles of B / A, round by round, lie on the same
side of 1, and the median beyond the threshold.

A site is a folder that `pip install --target PATH .` filled, one for each commit. The exit status
is 1 where a figure of B is worse, else 0.
"""

import argparse
import statistics
import sys

if not __package__:
    raise SystemExit("bench is a package: python -m bench.compare")

from bench import record as records

BETTER, WORSE, SAME = "better", "WORSE", "same"


def verdict_of_records(a, b, threshold):
    """BETTER, WORSE or SAME; None where neither way is better or the base is nothing."""
    higher = records.HIGHER_IS_BETTER[a["unit"]]
    if higher is None or a["median"] == 0:
        return None
    apart = b["low"] > a["high"] or b["high"] < a["low"]
    if not apart or abs(b["median"] / a["median"] - 1) <= threshold:
        return SAME
    return BETTER if (b["median"] > a["median"]) == higher else WORSE


def verdict_of_pairs(pairs, threshold):
    """pairs: [(low, median, high) of B / A in seconds, ...], one a pair of processes."""
    median = statistics.median(middle for _, middle, _ in pairs)
    if all(low > 1 for low, _, _ in pairs) and median > 1 + threshold:
        return WORSE
    if all(high < 1 for _, _, high in pairs) and median < 1 - threshold:
        return BETTER
    return SAME


def compare_records(paths, threshold):
    """[(name, median of B / A, verdict), ...] of the figures in both that have a spread."""
    a, b = (records.read_json(path) for path in paths)
    for label, record in zip("AB", (a, b), strict=True):
        print(f"{label}: " + ", ".join(f"{k} {v}" for k, v in record["environment"].items()))
    for key in ("cpu", "isa"):
        if a["environment"].get(key) != b["environment"].get(key):
            print(f"not the same {key}: what differs below may be the machine's")
    rows = []
    for name, figure in a["figures"].items():
        other = b["figures"].get(name)
        if other is None or other["unit"] != figure["unit"]:
            continue
        if min(figure["rounds"], other["rounds"]) < 2:
            continue  # nothing says how far it moves by itself
        found = verdict_of_records(figure, other, threshold)
        if found:
            rows.append((name, other["median"] / figure["median"], found))
    alone = len(set(a["figures"]) ^ set(b["figures"]))
    if alone:
        print(f"{alone} figures are in one of the two alone")
    return rows


def report(rows, what):
    """Prints what differs; the exit status."""
    differing = [row for row in rows if row[2] != SAME]
    for name, ratio, found in sorted(differing, key=lambda row: row[1]):
        print(f"  {found:7} {ratio:7.3f} x  {name}")
    print(f"{len(rows)} figures {what}, {len(differing)} differ beyond noise")
    return 1 if any(found == WORSE for _, _, found in rows) else 0


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("records", nargs="*", metavar="JSON", help="two of python -m bench")
    parser.add_argument("--sites", nargs=2, metavar=("PATH_A", "PATH_B"))
    parser.add_argument("--threshold", type=float, help="share that counts; 0.05, of sites 0.02")
    parser.add_argument("--threads", type=int, default=1, help="of sites")
    parser.add_argument("--rounds", type=int, default=11, help="of a pair of processes")
    parser.add_argument("--processes", type=int, default=3, help="pairs of processes")
    parser.add_argument("--only", default="", help="a part of the names to measure, of sites")
    parser.add_argument("--json", help="where to write B / A, of sites")
    args = parser.parse_args(arguments)
    if bool(args.sites) == bool(args.records) or len(args.records) not in (0, 2):
        parser.error("expected two records, or --sites with two folders")
    if args.records:
        rows = compare_records(args.records, 0.05 if args.threshold is None else args.threshold)
        return report(rows, "with a spread in both")
    from bench import sites

    pairs = sites.measure(args.sites, args)
    threshold = 0.02 if args.threshold is None else args.threshold
    rows = []
    for name, found in pairs.items():
        ratio = statistics.median(middle for _, middle, _ in found)
        rows.append((name, ratio, verdict_of_pairs(found, threshold)))
        print(f"  {rows[-1][2]:7} {ratio:7.3f} x  {name}")
    if args.json:
        records.write_json(args.json, {"sites": args.sites, "b_over_a": pairs})
    return report(rows, "measured")


if __name__ == "__main__":
    sys.exit(main())

"""The table of a run in Markdown, for people: steps first, then everything else.

python -m bench.table RESULTS.json
"""

import sys

from bench.harness import scale_of
from bench.record import read_json, threads_word


class Figures:
    """The figures of a record, by the parts of their names."""

    def __init__(self, record):
        self.all = record["figures"]

    def get(self, topic, threads, subject, candidate):
        return self.all.get(f"{topic}/{threads_word(threads)}/{subject}/{candidate}")

    def subjects(self, topic, threads=1):
        """In the order in which they were measured."""
        start = f"{topic}/{threads_word(threads)}/"
        names = [name.removeprefix(start) for name in self.all if name.startswith(start)]
        return list(dict.fromkeys(name.rsplit("/", 1)[0] for name in names))


def text(figure, spread=False):
    """15.2 us, 3.41, 87 %, with the quartiles behind it if asked for."""
    if figure is None:
        return ""
    values = [figure["median"], figure["low"], figure["high"]]
    scale, unit, digits = 1.0, "", 2
    if figure["unit"] == "s":
        (scale, unit), digits = scale_of(values[0]), 1
    elif figure["unit"] in ("share", "excess", "accuracy"):
        scale, unit, digits = 100.0, "%", 1
    elif figure["unit"] == "flop/s":
        scale, unit, digits = 1e-9, "GF/s", 0
    elif figure["unit"] == "count":
        digits = 0
    middle, low, high = (f"{scale * v:.{digits}f}" for v in values)
    shown = f"{middle} {unit}".strip()
    return f"{shown} ({low} to {high})" if spread and low != high else shown


STEP_COLUMNS = (
    ("chainrule", 1, "chainrule"),
    ("share of the peak", 1, "share of the peak"),
    ("PyTorch", 1, "PyTorch"),
    ("PyTorch / chainrule", 1, "over PyTorch"),
    ("fastest PyTorch / chainrule", 1, "over fastest PyTorch"),
    ("torch.compile / chainrule", 1, "over torch.compile"),
    ("JAX / chainrule", 1, "over jax"),
    ("NumPy / chainrule", 1, "over numpy"),
    ("bfloat16 over float32", 1, "bfloat16 over float32"),
    ("two threads over one", 2, "over 1 thread"),
    ("share of two peaks", 2, "share of the peak"),
    ("fastest PyTorch / chainrule, two threads", 2, "over fastest PyTorch"),
    ("round trip", 2, "round trip"),
)


def step_table(figures):
    lines = ["| Step | " + " | ".join(title for title, _, _ in STEP_COLUMNS) + " |"]
    lines.append("|---" * (len(STEP_COLUMNS) + 1) + "|")
    for topic in ("step", "tiny"):
        both = [*figures.subjects(topic, 1), *figures.subjects(topic, 2)]
        for subject in dict.fromkeys(both):
            cells = [text(figures.get(topic, n, subject, name)) for _, n, name in STEP_COLUMNS]
            lines.append(f"| {subject} | " + " | ".join(cells) + " |")
    return lines if len(lines) > 2 else []


def other_table(figures):
    """Every figure that is not in the first table; of the sweep, the conclusions alone."""
    lines = ["| What | threads | candidate | figure (quartiles) |", "|---|---|---|---|"]
    for name, figure in figures.all.items():
        topic, threads, rest = name.split("/", 2)
        subject, candidate = rest.rsplit("/", 1)
        if topic in ("step", "tiny") or (topic == "sweep" and figure["unit"] == "s"):
            continue
        count = threads.split()[0]
        lines.append(f"| {topic}: {subject} | {count} | {candidate} | {text(figure, True)} |")
    return lines if len(lines) > 2 else []


def markdown(record):
    where = ", ".join(f"{key} {value}" for key, value in record["environment"].items())
    figures = Figures(record)
    parts = [[where], step_table(figures), other_table(figures)]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__.strip())
    print(markdown(read_json(sys.argv[1])), end="")

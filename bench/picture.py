"""The picture of a run: how far ahead of the others, how near the machine's limit, how steps grow.

python -m bench.picture RESULTS.json PICTURE.png
"""

import importlib.util
import sys

from bench.record import read_json, threads_word
from bench.table import Figures

PEERS = {"PyTorch": "PyTorch", "torch.compile": "torch.compile", "jax": "JAX", "numpy": "NumPy"}

CROWD = ("chainrule, 1 thread", "chainrule, 2 threads", "torch fused, 2 threads")


def require():
    """Ends the program where there is no matplotlib, with what to do about it."""
    if importlib.util.find_spec("matplotlib") is None:
        raise SystemExit(
            "the picture needs matplotlib, which is not installed: "
            'pip install "chainrule[plot]", or leave it out with --no-picture'
        )


def short(subject):
    """784-128-10, 64, adam -> two lines."""
    sizes, rest = subject.split(", ", 1)
    return f"{sizes}\n{rest}"


def steps_of(figures):
    topics = [(t, s) for t in ("step", "tiny") for n in (1, 2) for s in figures.subjects(t, n)]
    return list(dict.fromkeys(topics))


def bars(axes, subjects, series, base=0.0, log=False):
    """series: {label: [figure or None a subject]}; bars start at `base`, whiskers are quartiles."""
    height = 0.8 / len(series)
    for i, (label, figures) in enumerate(series.items()):
        shown = [(g + i * height - 0.4 + height / 2, f) for g, f in enumerate(figures) if f]
        places = [place for place, _ in shown]
        middle = [f["median"] for _, f in shown]
        below = [f["median"] - f["low"] for _, f in shown]
        above = [f["high"] - f["median"] for _, f in shown]
        lengths = [m - base for m in middle]
        axes.barh(places, lengths, height, left=base, label=label)
        axes.errorbar(middle, places, xerr=[below, above], fmt="none", ecolor="0.3", linewidth=0.8)
    axes.set_yticks(range(len(subjects)), map(short, subjects), fontsize=7)
    axes.invert_yaxis()
    axes.axvline(1.0, color="0.2", linewidth=0.8)
    axes.legend(fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.06))
    if log:
        axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")


def ahead(axes, figures):
    rows = steps_of(figures)
    series = {
        title: [figures.get(topic, 1, subject, f"over {name}") for topic, subject in rows]
        for name, title in PEERS.items()
    }
    series = {title: found for title, found in series.items() if any(found)}
    axes.set_title("One thread: how many times as long the others take", fontsize=9)
    if series:
        bars(axes, [subject for _, subject in rows], series, 1.0, log=True)
    return bool(series)


def limit(axes, figures):
    rows = steps_of(figures)
    series = {
        threads_word(n): [figures.get(t, n, subject, "share of the peak") for t, subject in rows]
        for n in (1, 2)
    }
    series = {title: found for title, found in series.items() if any(found)}
    axes.set_title("Share of the multiply-add peak of as many threads", fontsize=9)
    if series:
        bars(axes, [subject for _, subject in rows], series)
    return bool(series)


def widths(axes, figures):
    axes.set_title("64-w-w-10, batch 64: microseconds a step", fontsize=9)
    drawn = False
    for measured in (2, 1):
        for word in ("1 thread", "2 threads"):
            points = []
            for subject in figures.subjects("sweep", measured):
                figure = figures.get("sweep", measured, subject, f"on {word}")
                if figure:
                    points.append((int(subject.split()[1]), 1e6 * figure["median"]))
            if points:
                drawn = True
                axes.plot(*zip(*points, strict=True), marker=".", label=word)
        if drawn:
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.set_xlabel("width", fontsize=8)
            axes.legend(fontsize=7)
            return True
    return False


def crowd(axes, figures):
    """The means and 99th percentiles beside the neighbour, over the step alone on one thread."""
    axes.set_title("Beside a process that burns a core: over one thread alone", fontsize=9)
    rows = [s for s in figures.subjects("crowd", 2) if ", " in s]  # without the machine's own
    series = {}
    for name in CROWD:
        for kind in ("mean", "p99"):
            found = [over_alone(figures, subject, name, kind) for subject in rows]
            if any(found):
                series[f"{name}, {kind}"] = found
    if series:
        bars(axes, rows, series, 1.0, log=True)
    return bool(series)


def over_alone(figures, subject, name, kind):
    alone = figures.get("crowd", 2, subject, f"chainrule, 1 thread, alone, {kind}")
    figure = figures.get("crowd", 2, subject, f"{name}, neighbour, {kind}")
    if not alone or not figure:
        return None
    return {key: figure[key] / alone["median"] for key in ("median", "low", "high")}


def draw(record, path):
    require()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 11), layout="constrained")
    FigureCanvasAgg(figure)
    figures = Figures(record)
    panels = zip((ahead, limit, widths, crowd), figure.subplots(2, 2).flat, strict=True)
    for panel, axes in panels:
        axes.tick_params(labelsize=7)
        if not panel(axes, figures):
            axes.text(0.5, 0.5, "not measured", ha="center", transform=axes.transAxes)
    where = record["environment"]
    figure.suptitle(f"chainrule {where['commit']}, {where['cpu']}, {where['isa']}", fontsize=10)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__.strip())
    draw(read_json(sys.argv[1]), sys.argv[2])

"""The picture of a run: how far ahead of the others, how near the machine's limit, how steps grow.

python -m bench.picture RESULTS.json PICTURE.png
"""

import importlib.util
import sys

from bench.record import read_json
from bench.table import Figures

PEERS = {"PyTorch": "PyTorch", "torch.compile": "torch.compile", "jax": "JAX", "numpy": "NumPy"}


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


def bars(axes, groups, series, reference):
    """series: {label: [figure or None a group]}; whiskers are the quartiles."""
    height = 0.8 / max(1, len(series))
    for i, (label, figures) in enumerate(series.items()):
        places = [g + (i - (len(series) - 1) / 2) * height for g in range(len(groups))]
        shown = [(p, f) for p, f in zip(places, figures, strict=True) if f]
        middle = [f["median"] for _, f in shown]
        around = [
            [f["median"] - f["low"] for _, f in shown],
            [f["high"] - f["median"] for _, f in shown],
        ]
        whiskers = {"ecolor": "0.3", "elinewidth": 0.8}
        axes.barh(
            [p for p, _ in shown], middle, height, xerr=around, label=label, error_kw=whiskers
        )
    axes.set_yticks(range(len(groups)), groups, fontsize=7)
    axes.invert_yaxis()
    axes.axvline(reference, color="0.2", linewidth=0.8)
    axes.legend(fontsize=7)


def ahead(axes, figures):
    rows = steps_of(figures)
    series = {
        title: [figures.get(topic, 1, subject, f"over {name}") for topic, subject in rows]
        for name, title in PEERS.items()
    }
    series = {title: found for title, found in series.items() if any(found)}
    axes.set_title("One thread: their time over chainrule's", fontsize=9)
    if not series:
        return False
    bars(axes, [short(subject) for _, subject in rows], series, 1.0)
    axes.set_xscale("log")
    return True


def limit(axes, figures):
    rows = steps_of(figures)
    series = {
        f"{n} thread{'s' * (n > 1)}": [
            figures.get(topic, n, subject, "share of the peak") for topic, subject in rows
        ]
        for n in (1, 2)
    }
    series = {title: found for title, found in series.items() if any(found)}
    axes.set_title("Share of the multiply-add peak", fontsize=9)
    if not series:
        return False
    bars(axes, [short(subject) for _, subject in rows], series, 1.0)
    return True


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
            axes.set_xlabel("width", fontsize=8)
            axes.legend(fontsize=7)
            return True
    return False


def crowd(axes, figures):
    axes.set_title("Beside a process that burns a core: over one thread alone", fontsize=9)
    rows = figures.subjects("crowd", 2)
    start, end = "crowd/2 threads/", "neighbour, mean"
    names = [n.rsplit("/", 1)[1] for n in figures.all if n.startswith(start) and n.endswith(end)]
    names = [name.removesuffix(", mean") for name in dict.fromkeys(names)]
    series = {}
    for name in names:
        for kind in ("mean", "p99"):
            title = f"{name.removesuffix(', neighbour')}, {kind}"
            series[title] = [over_alone(figures, s, name, kind) for s in rows]
    rows = [r for i, r in enumerate(rows) if any(found[i] for found in series.values())]
    series = {title: found[: len(rows)] for title, found in series.items()}
    if not rows:
        return False
    bars(axes, [short(subject) for subject in rows], series, 1.0)
    axes.set_xscale("log")
    return True


def over_alone(figures, subject, name, kind):
    alone = figures.get("crowd", 2, subject, f"chainrule, 1 thread, alone, {kind}")
    figure = figures.get("crowd", 2, subject, f"{name}, {kind}")
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

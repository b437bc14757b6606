"""The pictures of a run: curves.png, confusion.png, predictions.png.

Drawn with matplotlib's Agg canvas directly, never through pyplot: no window system, no global
state, and the user's own figures and settings are left alone.
"""

import contextlib
import importlib.util
import math
import typing

from .._atomic import atomic_write

_TRAIN, _VALIDATION, _BEST = (
    "#4477aa",
    "#ee6677",
    "#228833",
)  # distinguishable for colour-blind eyes
_STYLE: dict[typing.Any, dict] = {  # the keys are literal types to a checker
    "font": {"family": "DejaVu Sans", "size": 11},
    "axes": {
        "titlesize": 13,
        "titleweight": "bold",
        "titlelocation": "left",
        "titlepad": 10,
        "labelsize": 11,
        "labelcolor": "#333333",
        "edgecolor": "#999999",
        "spines.top": False,
        "spines.right": False,
        "grid": True,
        "axisbelow": True,
    },
    "grid": {"color": "#e6e6e6", "linewidth": 0.8},
    "xtick": {"color": "#555555"},
    "ytick": {"color": "#555555"},
    "legend": {"facecolor": "white", "edgecolor": "none", "framealpha": 0.9},
    "lines": {"linewidth": 2, "solid_capstyle": "round"},
    "savefig": {"dpi": 150},
}


def require(hint=""):
    """Raise ModuleNotFoundError with the remedy, and the hint, if there is no matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ModuleNotFoundError(
            'pictures need matplotlib, which is not installed: pip install "chainrule[plot]"' + hint
        )


def curves(path, history, title, loss):
    """The loss, which `loss` names, and accuracy where there is one, over the epochs; the epoch that
    was kept is marked."""
    measures = [name for name in ("loss", "accuracy") if f"train_{name}" in history.columns()]
    with _figure(path, (5.6 * len(measures) + 0.4, 4.6)) as figure:
        figure.suptitle(title, x=0.012, ha="left", fontsize=11, color="#666666")
        for axes, name in zip(figure.subplots(1, len(measures), squeeze=False)[0], measures):
            _draw_curve(axes, history, name, loss)


def _draw_curve(axes, history, name, loss):
    from matplotlib.ticker import (
        FormatStrFormatter,
        LogLocator,
        MaxNLocator,
        NullFormatter,
        PercentFormatter,
    )

    epochs = history["epoch"]
    marker = "o" if len(epochs) <= 15 else None
    for part, label, color in (("train", "training", _TRAIN), ("val", "validation", _VALIDATION)):
        if f"{part}_{name}" in history.columns():
            axes.plot(
                epochs, history[f"{part}_{name}"], color=color, label=label, marker=marker, ms=4
            )
    best = history.best_epoch
    if best and f"val_{name}" in history.columns():
        value = history[f"val_{name}"][best - 1]
        text = f"{value:.2%}" if name == "accuracy" else f"{value:.4g}"
        dashes = {"color": _BEST, "lw": 1.2, "ls": (0, (4, 3))}
        # Open, as the point below it may be the only one.
        ring = {"marker": "o", "ms": 9, "mfc": "none", "mec": _BEST, "mew": 2}
        axes.axvline(best, zorder=1, **dashes)
        axes.plot([best], [value], zorder=4, **ring)
        axes.plot([], [], label=f"kept: epoch {best}, {text}", **dashes, **ring)
    axes.set_title("Loss" if name == "loss" else "Accuracy")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(
        MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10], min_n_ticks=1)
    )
    axes.set_ylabel(loss if name == "loss" else "share of rows classified right")
    if name == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif _is_steep(history):
        axes.set_yscale("log")
        axes.set_ylabel(f"{loss} (logarithmic)")
        # Three labels a decade overlap where there are many.
        few = math.log10(max(_losses(history)) / min(_losses(history))) <= 4
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=12))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.03, y=0.08)
    _legend(axes)


def _legend(axes, y=-0.15):
    """In one line below the axes, where it covers nothing."""
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, y),
        ncols=3,
        fontsize=10,
        columnspacing=1.5,
        handlelength=2.8,
    )


def _is_steep(history):
    """Whether a linear axis would press most of the loss flat onto its floor."""
    return 0 < 8 * min(_losses(history)) < max(_losses(history))


def _losses(history):
    names = {"train_loss", "val_loss"} & set(history.columns())
    return [value for name in names for value in history[name]]


def confusion(path, counts, class_names, title):
    """Rows are true classes, columns predicted ones; shade is the share of the row, text the
    count."""
    import numpy as np

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 0.62 * len(class_names) + 2.6
    beside = 1.2 + 0.09 * max(map(len, class_names))  # the colour bar, and the names on the left
    right = int(np.trace(counts))
    with _figure(path, (max(side, 4.6) + beside, max(side, 4.6))) as figure:
        axes = figure.subplots()
        axes.grid(False)
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for i, j in np.ndindex(*counts.shape):
            if counts[i, j]:
                color = "white" if shares[i, j] > 0.55 else "#1b2a41"
                weight = "bold" if i == j else "normal"
                axes.text(j, i, counts[i, j], ha="center", va="center", color=color, weight=weight)
        long_names = max(map(len, class_names)) > 3
        axes.set_xticks(range(len(class_names)), class_names)
        axes.set_yticks(range(len(class_names)), class_names)
        if long_names and len(class_names) > 3:
            for label in axes.get_xticklabels():
                label.set(rotation=40, ha="right", rotation_mode="anchor")
        axes.set_xticks(np.arange(len(class_names) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(class_names) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", lw=1.5)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="predicted", ylabel="true class")
        axes.set_title(f"{title}: {right} of {counts.sum()} right ({right / counts.sum():.2%})")
        bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03, format=_percent)
        bar.set_label("share of the true class")
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0)


def predictions(path, values, predicted, target, title):
    """Predicted against true values; on the dashed line a prediction is exact."""
    low, high = min(values.min(), predicted.min()), max(values.max(), predicted.max())
    pad = 0.04 * ((high - low) or 1.0)
    with _figure(path, (6.0, 6.4)) as figure:
        axes = figure.subplots()
        ends = [low - pad, high + pad]
        axes.plot(ends, ends, color="#888888", lw=1.3, ls=(0, (5, 3)), label="exact prediction")
        label = f"test rows ({len(values)})"
        axes.scatter(
            values, predicted, color=_TRAIN, s=30, alpha=0.7, edgecolors="none", label=label
        )
        axes.set(xlim=ends, ylim=ends, aspect="equal")
        axes.set(xlabel=f"true {target}", ylabel=f"predicted {target}", title=title)
        _legend(axes, -0.09)


def _percent(share, _position=None):
    return f"{share:.0%}"


@contextlib.contextmanager
def _figure(path, size):
    """A figure in our style, written atomically as PNG when the block ends."""
    require()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        for group, settings in _STYLE.items():
            matplotlib.rc(group, **settings)
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        with atomic_write(path) as file:
            figure.savefig(file, format="png", bbox_inches="tight", pad_inches=0.15)

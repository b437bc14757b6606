"""Progress on the terminal: a tqdm bar (extra `cli`), or one plain line an epoch."""

import importlib.util
import sys
import typing

from .._callbacks import Callback

MODES = ("auto", "bar", "plain", "none")


def callback(mode):
    """The callback for --progress: None for "none". "auto" draws a bar where a person watches and
    tqdm is installed, and writes plain lines elsewhere; "bar" insists."""
    if mode == "none":
        return None
    have = importlib.util.find_spec("tqdm") is not None
    if mode == "bar" and not have:
        raise ModuleNotFoundError(
            '--progress bar needs tqdm, which is not installed: pip install "chainrule[cli]"'
        )
    if mode == "bar" or (mode == "auto" and have and sys.stderr.isatty()):
        return Bar()
    return Plain()


def _figures(numbers, prefix):
    """ "loss 0.1234, accuracy 95.21%" of those that are there."""
    parts = []
    if f"{prefix}loss" in numbers:
        parts.append(f"loss {numbers[f'{prefix}loss']:.4f}")
    if f"{prefix}accuracy" in numbers:
        parts.append(f"accuracy {numbers[f'{prefix}accuracy']:.2%}")
    return ", ".join(parts)


class Plain(Callback):
    """One line an epoch on standard error."""

    _only_watches = True

    def on_fit_begin(self, trainer, epochs):
        self._epochs = epochs

    def on_epoch_end(self, trainer, row):
        print(
            f"epoch {row['epoch']:>{len(str(self._epochs))}}/{self._epochs}"
            f"  training: {_figures(row, 'train_')}  validation: {_figures(row, 'val_')}"
            f"  {row['samples_per_second']:,.0f} samples/s",
            file=sys.stderr,
        )


class Bar(Callback):
    """A bar over all epochs, counted in samples; beside it the figures of the running epoch."""

    _only_watches = True

    def on_fit_begin(self, trainer, epochs):
        from tqdm import tqdm

        self._epochs, self._validation = epochs, ""
        self._make = tqdm
        self._bar: typing.Any = None  # made with the first figures: then the total is known
        self._before = 0  # samples of the finished epochs

    def on_progress(self, trainer, progress):
        total = progress["total"]
        number = f"epoch {progress['epoch']:>{len(str(self._epochs))}}/{self._epochs}"
        text = f"{number}  {_figures(progress, '')}"
        if self._bar is None:
            self._bar = self._make(
                desc=text,
                total=total and total * self._epochs,
                unit=" samples",
                unit_scale=True,
                dynamic_ncols=True,
                leave=False,
                # What matters most stands first: tqdm cuts the line at the terminal's width.
                bar_format="{desc} |{bar:12}| {rate_fmt}, {remaining} left{postfix}",
            )
        self._bar.set_description_str(text, refresh=False)
        self._bar.set_postfix_str(self._validation, refresh=False)
        self._bar.update(self._before + progress["samples"] - self._bar.n)
        self._last = progress["samples"]

    def on_epoch_end(self, trainer, row):
        self._before += self._last
        if "val_loss" in row:
            self._validation = f"validation {_figures(row, 'val_').split(', ')[-1]}"
        self._bar.refresh()  # tqdm skips updates within 0.1 s, but an epoch's figures are shown

    def on_fit_end(self, trainer, history):
        if self._bar is not None:
            self._bar.close()

"""What a training run has seen: one row of numbers an epoch."""

import csv
import io

_SHOWN = 5  # rows at either end of the table that a History prints


class History:
    """Rows of `Trainer.fit`, one dict an epoch; `history["val_loss"]` is the column of that name.

    The columns are `epoch`, `lr`, `train_loss`, `seconds` and `samples_per_second`, with validation
    data `val_loss`, and for each metric `train_NAME` and `val_NAME`, such as `val_accuracy`. Those of
    training are means over the epoch, while the weights change; those of validation are measured
    at its end. `history[-1]` is the last row, and iterating gives all of them.

    `best_epoch` is the epoch whose weights the model has after the run (0: none was finished);
    `stopped` says why it ended: "epochs", "patience", "callback" or "interrupted"; None after an
    error.
    """

    def __init__(self):
        self.rows: list[dict[str, float]] = []
        self.best_epoch = 0
        self.stopped: str | None = None

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return iter(self.rows)

    def __getitem__(self, name):
        if isinstance(name, int):
            return self.rows[name]
        if not any(name in row for row in self.rows):
            known = ", ".join(self.columns()) or "none, for no epoch was finished"
            raise KeyError(f"[History] expected a column (there are: {known}); got {name!r}.")
        return [row[name] for row in self.rows]

    def __repr__(self):
        return "\n".join([self._summary(), *self._table()])

    def _summary(self):
        return (
            f"History(epochs={len(self)}, best_epoch={self.best_epoch}, stopped={self.stopped!r})"
        )

    def _table(self):
        """The figures in aligned columns, without the middle of a long run."""
        names = self.columns()
        lines = [[_figure(row[name]) for name in names] for row in self.rows]
        if len(lines) > 2 * _SHOWN:
            lines[_SHOWN:-_SHOWN] = [["..."] * len(names)]
        widths = [max(map(len, column)) for column in zip(names, *lines)]
        return [
            "  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths))
            for line in (names, *lines)
            if names
        ]

    def columns(self):
        """The names of the columns; none before the first epoch has ended."""
        return list(self.rows[0]) if self.rows else []

    def to_csv(self):
        """The rows as CSV text with a header; numbers in full."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()


def _figure(value):
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"

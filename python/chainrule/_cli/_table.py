"""Reading the CSV of `chainrule predict`: every fault names the line and the column."""

import csv
import math


def read(path, feature_names, standardise):
    """(float32 array that `standardise` makes of the rows, the number of each row's line).

    A first line without any number is a header. It names all features, in any order; columns of
    other names are left out. Without a header there must be exactly one column a feature, in the
    order of the training data.
    """
    import numpy as np

    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = [
                (number, cells) for number, cells in _lines(file) if any(map(str.strip, cells))
            ]
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text file in UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"{path}: not a CSV file ({error})") from None
    columns = list(range(len(feature_names)))
    if lines and not any(map(_is_number, lines[0][1])):
        header = [cell.strip() for cell in lines.pop(0)[1]]
        columns = _columns(path, header, feature_names)
        width = len(header)
    else:
        width = len(feature_names)
    if not lines:
        raise ValueError(f"{path}: no rows of numbers")
    rows = np.empty((len(lines), len(columns)))
    for row, (number, cells) in zip(rows, lines):
        if len(cells) != width:
            hint = _separator_hint(cells)
            raise ValueError(
                f"{path}, line {number}: expected {width} columns; got {len(cells)}{hint}"
            )
        for i, column in enumerate(columns):
            row[i] = _number(path, number, column, cells[column])
    with np.errstate(over="ignore"):  # checked in the line below
        out = standardise(rows)
    for i, j in np.argwhere(~np.isfinite(out))[:1]:
        number, cells = lines[i]
        cell = cells[columns[j]]
        raise ValueError(
            f"{path}, line {number}, column {columns[j] + 1}: "
            f"expected a number that float32 can hold once it is standardised; got {cell}"
        )
    return out, [number for number, _ in lines]


def require_finite(path, lines, outputs):
    """Raise ValueError for the first row whose outputs are not finite."""
    import numpy as np

    for i in np.argwhere(~np.isfinite(outputs))[:1, 0]:
        raise ValueError(
            f"{path}, line {lines[i]}: expected a finite prediction; got {np.atleast_1d(outputs[i])}. "
            "The row is too far from the training data, or the weights are damaged."
        )


def _lines(file):
    reader = csv.reader(file)
    for cells in reader:
        yield reader.line_num, cells


def _parse(cell):
    if "_" in cell:  # Python's own, in no table: 1_0 is a slip, not 10
        raise ValueError
    return float(cell)


def _is_number(cell):
    try:
        _parse(cell)
    except ValueError:
        return False
    return True


def _separator_hint(cells):
    for separator, name in ((";", "a semicolon"), ("\t", "a tab")):
        if any(separator in cell for cell in cells):
            return f". The columns are separated by {name}: separate them by commas"
    return ""


def _columns(path, header, feature_names):
    twice = [name for name in feature_names if header.count(name) > 1]
    if twice:
        raise ValueError(f"{path}: expected each column once; the header has {twice[0]!r} twice")
    if all(name in header for name in feature_names):
        return [header.index(name) for name in feature_names]
    lacking = [name for name in feature_names if name not in header]
    some = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
    raise ValueError(
        f"{path}: expected the {len(feature_names)} columns of the training data; "
        f"got {len(header)}, without {some}. Without a header line they are taken in order"
        f"{_separator_hint(header) or '.'}"
    )


def _number(path, line, column, cell):
    try:
        value = _parse(cell)
    except ValueError:
        raise ValueError(
            f"{path}, line {line}, column {column + 1}: expected a number; got {cell!r}"
        ) from None
    if not math.isfinite(value):
        raise ValueError(
            f"{path}, line {line}, column {column + 1}: expected a finite number; got {cell}"
        )
    return value

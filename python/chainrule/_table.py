"""Reading the CSV of `chainrule predict`: every fault names the line and the column."""

import csv
import math


def read(path, feature_names):
    """(rows, features) float64 array.

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
            raise ValueError(f"{path}, line {number}: expected {width} columns; got {len(cells)}")
        for i, column in enumerate(columns):
            row[i] = _number(path, number, column, cells[column])
    return rows


def _lines(file):
    reader = csv.reader(file)
    for cells in reader:
        yield reader.line_num, cells


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _columns(path, header, feature_names):
    if all(name in header for name in feature_names):
        return [header.index(name) for name in feature_names]
    lacking = [name for name in feature_names if name not in header]
    some = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
    raise ValueError(
        f"{path}: expected the {len(feature_names)} columns of the training data; "
        f"got {len(header)}, without {some}. Without a header line they are taken in order."
    )


def _number(path, line, column, cell):
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(
            f"{path}, line {line}, column {column + 1}: expected a number; got {cell!r}"
        ) from None
    if not math.isfinite(value):
        raise ValueError(
            f"{path}, line {line}, column {column + 1}: expected a finite number; got {cell}"
        )
    return value

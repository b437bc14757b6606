"""einsum and tensordot: sums of products over named dimensions, by way of matrix products.

Two operands at a time, from the left: labels that both have and that are needed later are a batch,
labels that both have and that are not are contracted, the rest are rows and columns of one product.
"""

from __future__ import annotations

import math
from typing import Any

from ._checks import require_tensor, type_name
from ._core import ShapeError, Tensor

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def einsum(equation, *operands) -> Tensor:
    """Sums of products of the operands' elements, as an equation such as "ij,jk->ik" names them.

    Each operand has one letter per dimension; "..." stands for any further ones, which broadcast. A
    letter that is repeated within an operand takes the diagonal; letters that the output does not
    have are summed over. Without "->" the output has the letters that occur once, in alphabetical
    order, after those of "...". The equation may also be given as lists of integers, one after each
    operand: einsum(a, [0, 1], b, [1, 2], [0, 2]).
    """
    if not isinstance(equation, str | Tensor):
        raise TypeError(
            "[einsum] expected an equation, or tensors with a list of labels after each; got "
            f"{type_name(equation)}."
        )
    if not isinstance(equation, str):
        equation, operands = _from_lists((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    for operand in operands:
        require_tensor("einsum", operand)
    inputs, output = _parse(equation, operands)
    _check_sizes(equation, operands, inputs)
    terms = [_take_diagonals(x, labels) for x, labels in zip(operands, inputs)]
    result, labels = terms[0]
    for i, (x, own) in enumerate(terms[1:], start=1):
        needed = set(output).union(*(later for _, later in terms[i + 1 :]))
        result, labels = _contract(result, labels, x, own, needed)
    result, labels = _sum_out(result, labels, set(output))
    return result.permute([labels.index(label) for label in output]) if labels else result


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sum of products over several dimensions: the last `dims` of a with the first of b, or two
    lists.

    With dims = ([1, 2], [0, 1]) dimension 1 of a meets 0 of b and 2 of a meets 1 of b. The result
    has the other dimensions of a, then those of b.
    """
    require_tensor("tensordot", a)
    require_tensor("tensordot", b)
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.dim(), b.dim()):
            raise ShapeError(
                f"[tensordot] expected 0 <= dims <= {min(a.dim(), b.dim())}; got {dims}."
            )
        left, right = list(range(a.dim() - dims, a.dim())), list(range(dims))
    else:
        left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
        left = [d % a.dim() if -a.dim() <= d < a.dim() else d for d in left]
        right = [d % b.dim() if -b.dim() <= d < b.dim() else d for d in right]
    for i, j in zip(left, right):  # a size of 1 broadcasts
        if a.shape[i] == 1 != b.shape[j]:
            b = b.sum(j, keepdim=True)
        elif b.shape[j] == 1 != a.shape[i]:
            a = a.sum(i, keepdim=True)
    sizes = [a.shape[d] for d in left], [b.shape[d] for d in right]
    if sizes[0] != sizes[1]:
        raise ShapeError(
            f"[tensordot] expected equal sizes of the contracted dimensions; got {tuple(a.shape)} "
            f"over {left} and {tuple(b.shape)} over {right}."
        )
    rows = [d for d in range(a.dim()) if d not in left]
    cols = [d for d in range(b.dim()) if d not in right]
    k = math.prod(sizes[0])
    left_matrix = a.permute([*rows, *left]).reshape(math.prod(a.shape[d] for d in rows), k)
    right_matrix = b.permute([*right, *cols]).reshape(k, math.prod(b.shape[d] for d in cols))
    shape = [*(a.shape[d] for d in rows), *(b.shape[d] for d in cols)]
    return left_matrix.matmul(right_matrix).reshape(shape)


def _from_lists(arguments):
    """(a, [0, 1], b, [1, 2], [0, 2]) as an equation and its operands."""

    def letters(numbers):
        if not all(n is Ellipsis or 0 <= n < len(_LETTERS) for n in numbers):
            raise ValueError(f"[einsum] expected numbers in [0, 51] or ...; got {list(numbers)}.")
        return "".join("..." if n is Ellipsis else _LETTERS[n] for n in numbers)

    pairs, rest = divmod(len(arguments), 2)
    equation = ",".join(letters(arguments[2 * i + 1]) for i in range(pairs))
    if rest:
        equation += "->" + letters(arguments[-1])
    return equation, arguments[: 2 * pairs : 2]


def _parse(equation, operands):
    """The labels of every operand and of the output. "..." becomes numbers, 0 for the last of
    them."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        raise ValueError(
            f"[einsum] expected one operand for each of the {len(parts)} subscripts of "
            f"'{equation}'; got {len(operands)}."
        )
    inputs = [_labels(equation, part, x.dim()) for part, x in zip(parts, operands)]
    spread = max((sum(isinstance(label, int) for label in labels) for labels in inputs), default=0)
    dots = list(range(spread))[::-1]
    if not arrow:
        flat = [label for labels in inputs for label in labels if isinstance(label, str)]
        return inputs, dots + sorted(label for label in flat if flat.count(label) == 1)
    output = []
    for piece in _pieces(equation, right):
        output += dots if piece == "..." else [piece]
    known = {label for labels in inputs for label in labels}
    unknown = [label for label in output if label not in known]
    wrong = unknown or [label for label in output if output.count(label) > 1]
    if wrong:
        raise ValueError(
            f"[einsum] expected output labels that occur in an input, each once; got '{wrong[0]}' "
            f"in '{equation}'."
        )
    return inputs, output


def _pieces(equation, part):
    """Letters, and "..." at most once."""
    before, dots, after = part.partition("...")
    pieces = [*before, *([dots] if dots else []), *after]
    if not all(p == "..." or p in _LETTERS for p in pieces):
        raise ValueError(f"[einsum] expected letters, ',', '->' and '...'; got '{equation}'.")
    return pieces


def _labels(equation, part, rank):
    pieces = _pieces(equation, part)
    spread = rank - len(pieces) + 1 if "..." in pieces else 0
    if spread < 0 or (spread == 0 and "..." not in pieces and len(pieces) != rank):
        raise ShapeError(
            f"[einsum] expected one letter for each of {rank} dimensions; got '{part}' in "
            f"'{equation}'."
        )
    labels = []
    for piece in pieces:
        labels += range(spread)[::-1] if piece == "..." else [piece]
    return labels


def _check_sizes(equation, operands, inputs):
    sizes = {}
    for x, labels in zip(operands, inputs):
        own = {}
        for size, label in zip(x.shape, labels):
            known = sizes.setdefault(label, size)
            one = own.setdefault(label, size) != size  # a diagonal does not broadcast
            if one or (size != known and 1 not in (size, known)):
                raise ShapeError(
                    f"[einsum] expected one size for '{label}' in '{equation}'; got {known} and "
                    f"{size}, operands {[tuple(t.shape) for t in operands]}."
                )
            sizes[label] = max(size, known) if 0 not in (size, known) else 0


def _take_diagonals(x, labels):
    """Repeated labels within one operand become their diagonal."""
    labels = list(labels)
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            x = x.diagonal(0, first, second)
            del labels[second], labels[first]
            labels.append(label)
    return x, labels


def _sum_out(x, labels, needed):
    gone = [d for d, label in enumerate(labels) if label not in needed]
    if not gone:
        return x, labels
    return x.sum(gone), [label for label in labels if label in needed]


def _drop_ones(x, labels, other, other_labels):
    """Without the dimensions of size 1 that broadcast against another size of the other operand."""
    ones = [
        d
        for d, label in enumerate(labels)
        if x.shape[d] == 1 and label in other_labels and other.shape[other_labels.index(label)] != 1
    ]
    if not ones:
        return x, labels
    return x.squeeze(ones), [label for d, label in enumerate(labels) if d not in ones]


def _contract(a, a_labels, b, b_labels, needed):
    a, a_labels = _drop_ones(a, a_labels, b, b_labels)
    b, b_labels = _drop_ones(b, b_labels, a, a_labels)
    a, a_labels = _sum_out(a, a_labels, needed.union(b_labels))
    b, b_labels = _sum_out(b, b_labels, needed.union(a_labels))
    both = [label for label in a_labels if label in b_labels]
    batch = [label for label in both if label in needed]
    summed = [label for label in both if label not in needed]
    rows = [label for label in a_labels if label not in both]
    cols = [label for label in b_labels if label not in both]

    def sizes(x, own, labels):
        return [x.shape[own.index(label)] for label in labels]

    def matrix(x, own, first, second):
        ordered = x.permute([own.index(label) for label in (*batch, *first, *second)])
        shape = [math.prod(sizes(x, own, group)) for group in (batch, first, second)]
        return ordered.reshape(shape if batch else shape[1:])

    product = matrix(a, a_labels, rows, summed).matmul(matrix(b, b_labels, summed, cols))
    labels = [*batch, *rows, *cols]
    shape = [*sizes(a, a_labels, [*batch, *rows]), *sizes(b, b_labels, cols)]
    return product.reshape(shape), labels

"""print(tensor), as PyTorch prints it."""

import math

from chainrule import _core


class _Options:
    precision = 4
    threshold = 1000
    edgeitems = 3
    linewidth = 80
    sci_mode = None


def set_printoptions(
    precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None
):
    """Sets how tensors are printed; what is not given stays.

    Args:
        precision: digits after the point (4).
        threshold: from so many elements on, the middle is left out (1000).
        edgeitems: how many are shown at each end then (3).
        linewidth: characters a line (80).
        profile: "default", "short" or "full", which set these four.
        sci_mode: whether numbers have an exponent; by default as their sizes ask for.

    ValueError for a profile or a number that does not exist.

    Example:
        >>> set_printoptions(precision=2)
        >>> chainrule.tensor([1.23456])
        tensor([1.23])
        >>> set_printoptions(profile="default")
    """
    profiles = {
        "default": (4, 1000, 3, 80),
        "short": (2, 1000, 2, 80),
        "full": (4, math.inf, 3, 80),
    }
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    _check_options(given)
    if profile is not None:
        if profile not in profiles:
            known = ", ".join(repr(name) for name in profiles)
            raise ValueError(f"[set_printoptions] expected one of {known}; got {profile!r}.")
        names = ("precision", "threshold", "edgeitems", "linewidth")
        for name, value in zip(names, profiles[profile], strict=True):
            setattr(_Options, name, value)
    for name, value in given.items():
        if value is not None:
            setattr(_Options, name, value)
    _Options.sci_mode = sci_mode


def _check_options(given):
    """Nothing is set when one of them is wrong: an option that fails in print() fails
    everywhere."""
    limits = {"precision": 100, "threshold": math.inf, "edgeitems": math.inf, "linewidth": math.inf}
    for name, value in given.items():
        if value is None:
            continue
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole and not (name == "threshold" and value == math.inf):
            raise TypeError(f"[set_printoptions] expected {name} to be an int; got {value!r:.60}.")
        if not 0 <= value <= limits[name]:
            raise ValueError(
                f"[set_printoptions] expected {name} in [0, {limits[name]}]; got {value}."
            )


class _Formatter:
    """One width and one notation for all elements of a tensor."""

    def __init__(self, values, floating):
        self.floating = floating
        self.whole = True  # every value is an integer: "1."
        self.scientific = False
        self.width = 1
        if not floating:
            self.width = max((len(str(v)) for v in values), default=1)
            return
        finite = [abs(v) for v in values if math.isfinite(v) and v != 0]
        if not finite:
            self._fit(values)
            return
        largest, smallest = max(finite), min(finite)
        self.whole = all(v == math.ceil(v) for v in values if math.isfinite(v) and v != 0)
        wide = largest / smallest > 1000.0 or largest > 1.0e8
        self.scientific = wide if self.whole else wide or smallest < 1.0e-4
        if _Options.sci_mode is not None:
            self.scientific = _Options.sci_mode
        self._fit(values)

    def _fit(self, values):
        shown = [v for v in values if math.isfinite(v) and v != 0]
        self.width = max((len(self._number(v)) for v in shown), default=1)

    def _number(self, v):
        if self.scientific:
            return f"{v:.{_Options.precision}e}"
        if self.whole:
            return f"{v:.0f}" + ("." if math.isfinite(v) else "")
        return f"{v:.{_Options.precision}f}"

    def __call__(self, value):
        text = self._number(value) if self.floating else str(value)
        return text.rjust(self.width)


def _row(values, formatter, indent, summarize):
    element_width = formatter.width + 2
    per_line = max(1, math.floor((_Options.linewidth - indent) / element_width))
    edge = _Options.edgeitems
    if summarize and not edge:
        cells = ["..."]
    elif summarize and len(values) > 2 * edge:
        cells = [*map(formatter, values[:edge]), " ...", *map(formatter, values[-edge:])]
    else:
        cells = list(map(formatter, values))
    lines = [cells[i : i + per_line] for i in range(0, len(cells), per_line)]
    joined = (",\n" + " " * (indent + 1)).join(", ".join(line) for line in lines)
    return "[" + joined + "]"


def _nested(t, formatter, indent, summarize):
    if t.dim() == 0:
        return formatter(t.item())
    edge = _Options.edgeitems
    if t.dim() == 1:
        if summarize and t.size(0) > 2 * edge:
            # Only the ends are read; the middle is never turned into Python numbers.
            head, tail = t[:edge].tolist(), t[t.size(0) - edge :].tolist() if edge else []
            return _row([*head, 0, *tail], formatter, indent, True)
        return _row(t.tolist(), formatter, indent, False)
    parts = []
    skipped = summarize and t.size(0) > 2 * edge
    places = [*range(edge), *range(t.size(0) - edge, t.size(0))] if skipped else range(t.size(0))
    for i in places:
        parts.append(_nested(t[i], formatter, indent + 1, summarize))
        if skipped and len(parts) == edge:
            parts.append("...")
    if skipped and not edge:
        parts = ["..."]
    return "[" + (("," + "\n" * (t.dim() - 1) + " " * (indent + 1)).join(parts)) + "]"


def _shown_values(t, summarize):
    """The numbers that will be printed, flat."""
    edge = _Options.edgeitems
    if t.dim() == 0:
        return [t.item()]
    if not summarize:
        return t.reshape(-1).tolist()
    n = t.size(0)
    if n > 2 * edge:
        parts = ([t[:edge]] if edge else []) + ([t[n - edge :]] if edge else [])
    else:
        parts = [t]
    if t.dim() == 1:
        return [v for part in parts for v in part.tolist()]
    return [v for part in parts for row in part for v in _shown_values(row, True)]


def _has_default_dtype(t):
    return t.dtype in (_core.get_default_dtype(), _core.int64, _core.bool)


def _suffixes(t, grad_fn, requires_grad):
    parts = []
    if t.numel() == 0:
        if t.dim() != 1:
            parts.append("size=" + str(tuple(t.shape)))
        if t.dtype != _core.get_default_dtype():
            parts.append(f"dtype={t.dtype}")
    elif not _has_default_dtype(t):
        parts.append(f"dtype={t.dtype}")
    if grad_fn is not None:
        parts.append(f"grad_fn=<{grad_fn.name()}>")
    elif requires_grad:
        parts.append("requires_grad=True")
    return parts


def _with_suffixes(prefix, body, suffixes, indent):
    lines = [prefix + body]
    last_line = len(body) - body.rfind("\n") - 1 + len(", ")  # PyTorch leaves the prefix out too
    for suffix in suffixes:
        if last_line + len(suffix) + 2 > _Options.linewidth:
            lines.append(",\n" + " " * indent + suffix)
            last_line = indent + len(suffix)
        else:
            lines.append(", " + suffix)
            last_line += len(suffix) + 2
    return "".join(lines) + ")"


def tensor_text(t):
    """repr(t)."""
    parameter = isinstance(t, _core.Parameter)
    prefix = "tensor("
    indent = len(prefix)
    grad_fn, requires_grad = t.grad_fn, t.requires_grad
    values = t.detach()
    if values.dtype == _core.bfloat16:
        values = values.float()
    if values.numel() == 0:
        body = "[]"
    else:
        summarize = values.numel() > _Options.threshold
        formatter = _Formatter(_shown_values(values, summarize), values.is_floating_point())
        body = _nested(values, formatter, indent, summarize)
    text = _with_suffixes(prefix, body, _suffixes(t, grad_fn, requires_grad), indent)
    return "Parameter containing:\n" + text if parameter else text

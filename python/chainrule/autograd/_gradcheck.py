"""gradcheck: backward against central differences, element by element."""

from chainrule import _core
from chainrule._core import Tensor


class GradcheckError(RuntimeError):
    """A gradient that differs from the measured one; the message has index and both values."""


def _as_tuple(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _checked(inputs):
    return [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]


def _differentiable(outputs):
    return [y for y in _as_tuple(outputs) if isinstance(y, Tensor) and y.requires_grad]


def _numerical(func, inputs, which, eps):
    """Rows of (f(x + eps e_j) - f(x - eps e_j)) / 2 eps, one list of flat outputs per element j."""
    x = inputs[which].detach()
    flat = x.reshape(-1).clone()
    rows = []
    for j in range(flat.numel()):
        values = []
        for step in (eps, -eps):
            moved = flat.clone()
            moved[j] = flat[j] + step
            arguments = list(inputs)
            arguments[which] = moved.reshape(tuple(x.shape)).requires_grad_()
            outputs = _differentiable(func(*arguments))
            values.append([y.detach().double().reshape(-1) for y in outputs])
        rows.append([((a - b) / (2 * eps)).tolist() for a, b in zip(*values, strict=True)])
    return rows


def _analytical(output, inputs, which):
    """Rows of d output_k / d input, one per element k of the output."""
    rows = []
    for k in range(output.numel()):
        seed = _core.zeros(output.numel(), dtype=output.dtype)
        seed[k] = 1
        (grad,) = _core._grad(
            output, inputs[which], seed.reshape(tuple(output.shape)), True, False, True
        )
        flat = [0.0] * inputs[which].numel() if grad is None else grad.double().reshape(-1).tolist()
        rows.append(flat)
    return rows


def _close(a, b, atol, rtol):
    return a == b or abs(a - b) <= atol + rtol * abs(b)


def _position(flat, shape):
    position = []
    for size in reversed(shape):
        flat, place = divmod(flat, size)
        position.append(place)
    return tuple(reversed(position))


def _check_input(func, inputs, outputs, which, eps, atol, rtol):
    numerical = _numerical(func, inputs, which, eps)
    for o, output in enumerate(outputs):
        analytical = _analytical(output, inputs, which)
        for j, row in enumerate(numerical):
            for k, measured in enumerate(row[o]):
                computed = analytical[k][j]
                if not _close(computed, measured, atol, rtol):
                    raise GradcheckError(
                        f"[gradcheck] expected d output {o}{_position(k, output.shape)} / d input "
                        f"{which}{_position(j, inputs[which].shape)} = {measured:.9g} as measured; "
                        f"got {computed:.9g} from backward."
                    )


def _check_inputs(inputs, which):
    if not which:
        raise ValueError(
            "[gradcheck] expected at least one input with requires_grad=True; got none."
        )
    for i in which:
        if inputs[i].dtype != _core.float64:
            raise ValueError(
                f"[gradcheck] expected float64 inputs, whose differences keep seven digits; got "
                f"{inputs[i].dtype} for input {i}. Use .double()."
            )


def _check_zero_seed(outputs, inputs, which):
    """backward is linear: zero in must give zero out."""
    seeds = [_core.zeros_like(y) for y in outputs]
    wanted = [inputs[i] for i in which]
    grads = _core._grad(outputs, wanted, seeds, True, False, True)
    for i, grad in zip(which, grads, strict=True):
        if grad is not None and not bool((grad == 0).all()):
            raise GradcheckError(
                f"[gradcheck] expected zeros as gradient of input {i} for zero dy; got {grad}."
            )


def _check(func, inputs, eps, atol, rtol, check_undefined_grad):
    inputs = _as_tuple(inputs)
    which = _checked(inputs)
    _check_inputs(inputs, which)
    outputs = _differentiable(func(*inputs))
    if not outputs:
        raise ValueError("[gradcheck] expected an output that depends on the inputs; got none.")
    for i in which:
        _check_input(func, inputs, outputs, i, eps, atol, rtol)
    if check_undefined_grad:
        _check_zero_seed(outputs, inputs, which)


def gradcheck(
    func,
    inputs,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    raise_exception=True,
    check_undefined_grad=True,
    nondet_tol=0.0,
) -> bool:
    """Whether backward of `func` at `inputs` (float64) agrees with central differences.

    Every element of every output is differentiated by every element of every input that requires a
    gradient, and compared with |a - n| <= atol + rtol * |n|. `nondet_tol` is the difference allowed
    between two backward calls. A gradient that differs is a GradcheckError, or False with
    `raise_exception=False`.

    Example:
        >>> x = chainrule.randn(3, dtype=chainrule.float64, requires_grad=True)
        >>> gradcheck(chainrule.tanh, x)
        True
    """
    try:
        _check(func, inputs, eps, atol, rtol, check_undefined_grad)
        _check_repeatable(func, _as_tuple(inputs), nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check_repeatable(func, inputs, tolerance):
    which = _checked(inputs)
    runs = []
    for _ in range(2):
        outputs = _differentiable(func(*inputs))
        total = outputs[0].sum()
        for y in outputs[1:]:
            total = total + y.sum()
        runs.append(_core._grad(total, [inputs[i] for i in which], None, False, False, True))
    for i, a, b in zip(which, *runs, strict=True):
        if a is not None and a.numel() and float((a - b).abs().max()) > tolerance:
            raise GradcheckError(
                f"[gradcheck] expected two backward calls to agree for input {i}; got a "
                f"difference of {float((a - b).abs().max()):.3g}. Is func random?"
            )


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    gen_non_contig_grad_outputs=False,
    raise_exception=True,
    nondet_tol=0.0,
) -> bool:
    """gradcheck of the gradient itself: second derivatives against differences of the first."""
    inputs = _as_tuple(inputs)
    which = _checked(inputs)
    _check_inputs(inputs, which)
    if grad_outputs is None:
        outputs = _differentiable(func(*inputs))
        seeds = [_random_like(y, gen_non_contig_grad_outputs) for y in outputs]
    else:
        seeds = list(_as_tuple(grad_outputs))
    n = len(inputs)

    def gradient(*arguments):
        outputs = _differentiable(func(*arguments[:n]))
        wanted = [arguments[i] for i in which]
        grads = _core._grad(outputs, wanted, arguments[n:], True, True, True)
        return tuple(g for g in grads if g is not None)

    seeds = [s.detach().requires_grad_() for s in seeds]
    return gradcheck(
        gradient,
        (*inputs, *seeds),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )


def _random_like(y, non_contiguous):
    if not non_contiguous:
        return _core.randn(tuple(y.shape), dtype=y.dtype)
    return _core.randn((*y.shape, 2), dtype=y.dtype)[..., 0]

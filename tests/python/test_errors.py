"""Errors: the classes, one form of message, and what is refused."""

import copy
import math
import os
import pickle

import pytest

import chainrule as cr


@pytest.mark.parametrize(
    "error, bases",
    [
        (cr.ShapeError, (ValueError, RuntimeError)),
        (cr.DtypeError, (TypeError, RuntimeError)),
        (cr.StateError, (RuntimeError,)),
        (cr.CaptureError, (cr.StateError, RuntimeError)),
        (cr.OutOfMemory, (MemoryError, RuntimeError)),
    ],
)
def test_classes(error, bases):
    assert all(issubclass(error, base) for base in bases)
    assert error.__module__ == "chainrule" and error.__doc__


def test_one_form():
    with pytest.raises(cr.ShapeError, match=r"^\[add\] expected .*\(2, 3\).*\(4,\)"):
        cr.ones(2, 3) + cr.ones(4)
    with pytest.raises(cr.ShapeError, match=r"^\[matmul\] expected .*got "):
        cr.ones(2, 3) @ cr.ones(2, 3)
    with pytest.raises(cr.OutOfMemory, match=r"^\["):
        cr.empty(2**50)
    with pytest.raises(MemoryError):
        cr.zeros(2**40, 2**20)


def test_wrong_arguments_list_all_signatures():
    with pytest.raises(TypeError) as caught:
        cr.max(cr.ones(2), "a", keepdim=3)
    text = str(caught.value)
    assert text.startswith("[max] expected one of the forms below; got (Tensor, str, keepdim=int)")
    assert text.count("\n  max(") >= 2
    with pytest.raises(TypeError) as caught:
        cr.ones(2).relu(1)
    assert "too many positional arguments" in str(caught.value)
    assert "expected relu() -> Tensor; got (int)" in str(caught.value)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: cr.cat(cr.ones(2)), "tensors"),
        (lambda: cr.cat([1, 2]), "list of int"),
        (lambda: cr.cat([cr.ones(2), 2]), "list of Tensor"),
        (lambda: cr.cat(), "missing"),
        (lambda: cr.add(2, 3), "Tensor"),
        (lambda: cr.ones(2).add(), "missing"),
        (lambda: cr.ones(2).add(1, other=2), "twice"),
        (lambda: cr.ones(2).add(input=cr.ones(2), other=1), "twice"),
        (lambda: cr.ones(2).add(1, beta=2), "beta"),
        (lambda: cr.ones(2, 2).sum(1.5), "must be an int"),
        (lambda: cr.ones(2, 2).sum(0, 1), "must be a bool"),
        (lambda: cr.ones(2, 2).sum(True), "must be an int"),
        (lambda: cr.zeros("a"), "size"),
        (lambda: cr.zeros(2, 3.0), "must be ints"),
        (lambda: cr.zeros(None), "size"),
        (lambda: cr.zeros(2, dtype="f"), "must be a dtype"),
        (lambda: cr.full((2,), "a"), "must be a number"),
        (lambda: cr.full((2,), cr.ones(2)), "must be a number"),
        (
            lambda: cr.nn.functional.cross_entropy(
                cr.ones(2, 2), cr.zeros(2).long(), reduction="avg"
            ),
            "'avg'",
        ),
    ],
)
def test_wrong_arguments_say_which(call, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert words in str(caught.value)


def test_documentation():
    for f in (cr.add, cr.Tensor.add, cr.Tensor.add_, cr.nn.functional.relu):
        assert f.__doc__
    assert cr.add.__doc__.startswith("add(input: Tensor | float, other: Tensor | float")
    assert "in-place" in cr.Tensor.add_.__doc__ and cr.add.__name__ == "add"


def test_a_private_operation_reads_no_dtype_as_another():
    with pytest.raises(cr.DtypeError, match=r"\[relu_backward\].*float64 and float32"):
        cr._core._ops.relu_backward(cr.ones(5, dtype=cr.float64), cr.ones(5))
    with pytest.raises(
        cr.DtypeError, match=r"\[euclidean_norm\] expected bfloat16, float32 or float64; got int64"
    ):
        cr._core._ops.euclidean_norm(cr.tensor([1, 0]))
    for name in ("softmax_backward", "log_softmax_backward"):
        for other in (cr.float64, cr.bool, cr.int64):
            with pytest.raises(cr.DtypeError, match=rf"\[{name}\] expected tensors of one dtype"):
                getattr(cr._core._ops, name)(cr.ones(5), cr.ones(5, dtype=other))


def test_a_view_of_too_many_elements_is_refused():
    for sizes in ((2**62, 2), (2**40, 2**40)):
        with pytest.raises(MemoryError, match="fewer than 2.59 elements"):
            cr.ones(1, 1).expand(*sizes)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, y: x @ y,
        lambda x, y: cr.nn.functional.linear(x, x, y[0]),
        lambda x, y: cr._core._ops.product(x, y),
        lambda x, y: cr._core._ops.softmax_backward(x, y),
    ],
)
def test_bfloat16_beside_float32_is_refused_where_dtypes_are_not_promoted(call):
    with pytest.raises(cr.DtypeError, match="one dtype; got bfloat16 and float32"):
        call(cr.zeros(3, 3, dtype=cr.bfloat16), cr.zeros(3, 3))


def test_objects_without_contents_cannot_be_made():
    node = type((cr.ones(1, requires_grad=True) * 2).grad_fn)
    for cls in (cr._core.Program, node):
        with pytest.raises(TypeError, match="made by chainrule|is not safe"):
            cls.__new__(cls)
    with pytest.raises(TypeError):
        cr.Generator.__new__(cr.Generator).initial_seed()


def test_a_hook_returns_a_gradient_of_the_same_kind():
    for wrong, error in ((cr.ones(2), cr.ShapeError), (cr.ones(3).double(), cr.DtypeError)):
        x = cr.ones(3, requires_grad=True)
        y = x * 2
        y.register_hook(lambda g, wrong=wrong: wrong)
        with pytest.raises(error, match=r"\[hook\] expected a gradient of"):
            y.sum().backward()


def test_print_options_are_checked_before_they_are_set():
    for name, value, error in (
        ("precision", "a", TypeError),
        ("precision", -1, ValueError),
        ("precision", 10**9, ValueError),
        ("edgeitems", 1.5, TypeError),
        ("linewidth", True, TypeError),
        ("threshold", -1, ValueError),
    ):
        with pytest.raises(error, match=name):
            cr.set_printoptions(**{name: value})
    assert repr(cr.ones(1)) == "tensor([1.])"


def test_a_special_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="regular file"):
        cr.save({"a": cr.ones(1)}, tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


def test_a_wrong_flag_of_the_second_group_changes_no_weight():
    for make in (lambda g: cr.optim.SGD(g, lr=1.0), lambda g: cr.optim.Adam(g, lr=1.0)):
        a, b = (cr.nn.Parameter(cr.ones(2)) for _ in range(2))
        a.grad, b.grad = cr.ones(2), cr.ones(2)
        optimizer = make([{"params": [a]}, {"params": [b]}])
        optimizer.param_groups[1]["maximize"] = "yes"
        with pytest.raises(TypeError, match="maximize to be True or False; got 'yes'"):
            optimizer.step()
        assert a.tolist() == [1, 1]


def test_an_expanded_parameter_is_not_stepped():
    p = cr.nn.Parameter(cr.zeros(1).expand(3))
    p.grad = cr.ones(3)
    with pytest.raises(cr.StateError, match="one memory place an element"):
        cr.optim.SGD([p], lr=1.0).step()


def test_a_truncated_normal_of_no_finite_place_is_refused():
    for bad in ({"mean": math.inf}, {"mean": 1e308}, {"std": math.inf}, {"mean": math.nan}):
        with pytest.raises(ValueError, match="trunc_normal_"):
            cr.nn.init.trunc_normal_(cr.zeros(3), **bad)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: cr.manual_seed("a"), "[manual_seed] expected (seed: int); got (str)."),
        (lambda: cr.manual_seed(), "[manual_seed] expected (seed: int); got ()."),
        (lambda: cr.manual_seed(1, 2), "[manual_seed] expected (seed: int); got (int, int)."),
        (lambda: cr.manual_seed(sed=1), "[manual_seed] expected (seed: int); got (sed=int)."),
        (
            lambda: cr.Generator().set_state([1, 2]),
            "[set_state] expected (new_state: Tensor); got (list of int).",
        ),
        (
            lambda: cr.ones(2).requires_grad_("a"),
            "[requires_grad_] expected (requires_grad: bool = True); got (str).",
        ),
        (
            lambda: cr.ones(2).__dlpack__(max_version="a"),
            "[__dlpack__] expected max_version as two integers; got 'a'.",
        ),
        (
            lambda: cr.ones(2).__dlpack__(max_version=()),
            "[__dlpack__] expected max_version as two integers; got ().",
        ),
        (
            lambda: cr.ones(2).__dlpack__(dl_device=1),
            "[__dlpack__] expected dl_device as two integers; got 1.",
        ),
    ],
)
def test_bound_functions_have_the_same_form(call, text):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == text


def test_an_error_from_inside_a_bound_function_stays_as_it_is():
    x = cr.ones(2, requires_grad=True)
    x.register_hook(lambda grad: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        x.sum().backward()


@pytest.mark.parametrize(
    ("positions", "sizes"),
    [(cr.tensor([1, 2]), [0]), (cr.tensor([1]), [-1]), (cr.ones(2), [3]), (cr.arange(4)[::2], [4])],
)
def test_positions_in_no_elements_are_refused(positions, sizes):
    with pytest.raises(cr.ShapeError, match=r"\[unravel_rows\] expected dense int64 positions"):
        cr._core._ops.unravel_rows(positions, sizes)


@pytest.mark.parametrize(
    ("error", "name", "call"),
    [
        (OverflowError, "add", lambda: cr.add(cr.ones(2), 2**100)),
        (OverflowError, "zeros", lambda: cr.zeros(2**100)),
        (OverflowError, "sum", lambda: cr.ones(2).sum(dim=2**100)),
        (OverflowError, "leaky_relu", lambda: cr.nn.functional.leaky_relu(cr.ones(2), 2**2000)),
        (cr.ShapeError, "zeros", lambda: cr.zeros([1] * 70)),
        (cr.ShapeError, "view", lambda: cr.ones(1).view([1] * 80)),
    ],
)
def test_numbers_and_sizes_out_of_range_name_the_operation(error, name, call):
    with pytest.raises(error, match=rf"^\[{name}\] "):
        call()


def test_numbers_are_not_taken_from_tensors_with_history():
    slope = cr.tensor(0.1, requires_grad=True)
    with pytest.raises(TypeError, match=r"'negative_slope' must be a number without history"):
        cr.nn.functional.leaky_relu(cr.ones(3), slope)
    with pytest.raises(TypeError, match=r"'alpha' must be a number without history"):
        cr.add(cr.ones(3), cr.ones(3), alpha=slope)
    assert cr.nn.functional.leaky_relu(-cr.ones(1), slope.detach()).item() == pytest.approx(-0.1)
    with cr.no_grad():
        assert cr.full((1,), slope).item() == pytest.approx(0.1)
    assert cr.ones(3).clamp(max=slope).requires_grad  # a bound may be a tensor


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_objects_of_this_process_are_not_pickled(protocol):
    y = cr.ones(2, requires_grad=True) * 2
    for thing in (y.grad_fn, y.grad_fn.next_functions[0][0], y.register_hook(print)):
        with pytest.raises(TypeError, match=r"\[pickle\] expected an object that outlives"):
            pickle.dumps(thing, protocol)
        with pytest.raises(TypeError, match=r"\[pickle\]"):
            copy.deepcopy(thing)


def test_one_hot_of_the_largest_integer():
    with pytest.raises(MemoryError, match="memory has room for; got 9223372036854775807"):
        cr.nn.functional.one_hot(cr.tensor([2**63 - 1]))


def test_a_surplus_that_a_longer_form_takes_is_told_as_what_that_expects():
    mask = cr.ones(2) > 0
    with pytest.raises(TypeError) as caught:
        cr.where(mask, [1], [2])
    assert "'input' must be a Tensor or a number. Pass chainrule.tensor(input)." in str(
        caught.value
    )
    with pytest.raises(TypeError, match="too many positional arguments"):
        cr.where(mask, mask, mask, mask)

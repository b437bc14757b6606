"""The chosen differences from PyTorch: one test a row of docs/divergences.md that has none
elsewhere."""

import gc
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core, nn


def test_errors_are_right_for_python_and_for_torch():
    for kind, bases in {
        cr.ShapeError: (ValueError, RuntimeError),
        cr.DtypeError: (TypeError, RuntimeError),
        cr.StateError: (RuntimeError,),
        cr.CaptureError: (cr.StateError, RuntimeError),
        cr.OutOfMemory: (MemoryError, RuntimeError),
    }.items():
        for base in bases:
            assert issubclass(kind, base)
    with pytest.raises(ValueError, match="got"):
        cr.ones(2, 3) @ cr.ones(2, 3)


def test_a_clone_is_dense():
    x = cr.ones(3, 4).t()
    assert x.clone().is_contiguous()
    assert not x.is_contiguous()


def test_the_same_bits_for_any_number_of_threads():
    x = cr.randn(300, 700)
    w = cr.randn(500, 700)
    before = cr.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 4):
            cr.set_num_threads(threads)
            results.append(nn.functional.linear(x, w).numpy().copy())
    finally:
        cr.set_num_threads(before)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_a_parameter_given_twice_is_refused():
    w = nn.Parameter(cr.ones(2))
    with pytest.raises(ValueError):
        cr.optim.SGD([w, w], lr=0.1)


def test_a_bad_reduction_is_refused_when_the_loss_is_made():
    with pytest.raises(ValueError):
        nn.MSELoss(reduction="average")


def test_a_compiled_module_is_a_function():
    net = nn.Linear(3, 2)
    fast = cr.compile(net)
    assert not isinstance(fast, nn.Module)
    assert list(fast.state_dict()) == ["weight", "bias"]
    assert fast.eval() is fast and not net.training and fast.to(cr.float32) is fast
    fast.scale = 2.0
    assert net.scale == 2.0 and fast.scale == 2.0
    with pytest.raises(TypeError, match="expected nn.Module objects; got CompiledFunction"):
        nn.Sequential(fast)
    parent = nn.Module()
    with pytest.raises(
        TypeError, match=r"the module itself for 'body'; got a compiled Linear\. As"
    ):
        parent.body = fast
    with pytest.raises(TypeError, match="got a compiled Linear"):
        parent.add_module("body", fast)
    assert list(parent.children()) == [] and not hasattr(parent, "body")
    parent.run = cr.compile(net.forward)  # a method is a function
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        fast.nothing  # noqa: B018
    assert repr(fast) == "<compiled Linear: 0 plans, 0 replays>"


def test_compile_takes_a_function_alone():
    for call in (
        lambda: cr.compile(abs, fullgraph=True, mode="default"),
        lambda: cr.compile(fullgraph=True, mode="default"),
    ):
        with pytest.raises(TypeError, match=r"^\[compile\] .* alone; got fullgraph, mode\. Leave"):
            call()


def test_arrays_are_copied_into_compiled_functions():
    double = cr.compile(lambda x: x * 2)
    for value in range(5):
        assert double(np.full(2, value, np.float32)).tolist() == [2.0 * value] * 2
    assert double.stats["replays"] == 3


@pytest.mark.parametrize("loss_of", [nn.functional.cross_entropy, nn.functional.nll_loss])
def test_class_targets_of_int32(loss_of):
    scores, target = cr.randn(4, 3), cr.tensor([0, 2, 1, 1])
    assert loss_of(scores, target.to(cr.int32)).item() == loss_of(scores, target).item()


def test_bad_probability_targets_and_ignore_index():
    logits, target = cr.randn(4, 3), cr.full((4, 3), 1 / 3)
    with pytest.raises(ValueError, match="ignore_index"):
        nn.functional.cross_entropy(logits, target, ignore_index=1)


def test_masks_have_no_powers():
    for power in (lambda m: m.square(), lambda m: m**True, lambda m: m**m):
        with pytest.raises(cr.DtypeError):
            power(cr.tensor([True, False]))


def test_a_nested_list_is_one_index():
    x = cr.arange(4.0)
    assert x[[[0, 1], [1, 0]]].tolist() == [[0.0, 1.0], [1.0, 0.0]]
    for one in (cr.tensor, np.array):
        assert x[[one([0, 1]), one([1, 0])]].tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_kinds_of_argument_errors():
    for kind, call in (
        (ValueError, lambda: cr.device("nonsense")),
        (IndexError, lambda: cr.ones(2)["a"]),
        (TypeError, lambda: cr.ones(2).to(3)),
        (TypeError, lambda: cr.manual_seed("a")),
    ):
        with pytest.raises(kind):
            call()


def trained(optimizer_class, size=2, **settings):
    w = nn.Parameter(cr.ones(size))
    optimizer = optimizer_class([w], lr=0.1, **settings)
    (w * w).sum().backward()
    optimizer.step()
    return optimizer


def test_a_state_of_another_optimizer_is_refused():
    adam, sgd = trained(cr.optim.Adam), trained(cr.optim.SGD, momentum=0.9)
    for optimizer, other in ((sgd, adam), (adam, sgd)):
        before = {k: v.clone() for k, v in optimizer.state_dict()["state"][0].items()}
        with pytest.raises(ValueError, match="another optimizer"):
            optimizer.load_state_dict(other.state_dict())
        fresh = type(other)([nn.Parameter(cr.ones(2))], lr=0.5)  # which has no state to tell it by
        with pytest.raises(ValueError, match="another optimizer"):
            optimizer.load_state_dict(fresh.state_dict())
        assert optimizer.param_groups[0]["lr"] == 0.1
        after = optimizer.state_dict()["state"][0]
        assert before.keys() == after.keys()
        assert all(cr.equal(before[k], after[k]) for k in before)
    with pytest.raises(cr.ShapeError, match="exp_avg"):
        adam.load_state_dict(trained(cr.optim.Adam, size=3).state_dict())


def test_a_state_dict_that_does_not_fit_changes_nothing():
    net = nn.Linear(2, 2)
    before = net.weight.detach().clone()
    with pytest.raises(RuntimeError, match="nothing was loaded"):
        net.load_state_dict({"weight": cr.zeros(2, 2), "bias": cr.zeros(3)})
    assert cr.equal(net.weight, before)


def test_inplace_writes_into_the_input_and_keeps_a_copy():
    x = cr.tensor([-1.0, 2.0], requires_grad=True)
    h = x * 1
    address = h.data_ptr()
    y = nn.functional.leaky_relu(h, 0.5, inplace=True)
    assert y is h
    assert h.data_ptr() == address
    assert h.tolist() == [-0.5, 2.0]
    big = cr.ones(1 << 20, requires_grad=True) * 1  # 4 MiB
    grown = []
    for _ in range(3):  # a thread that another test has left may free something meanwhile
        gc.collect()
        before = _core._memory_stats()["allocated"]
        nn.functional.leaky_relu(big, 0.5, inplace=True)
        grown.append(_core._memory_stats()["allocated"] - before)
    assert max(grown) > 4_000_000
    # A derivative that reads the input is right although the input is gone: there is a copy.
    nn.functional.silu(h, inplace=True).sum().backward()
    z = cr.tensor([-1.0, 2.0], requires_grad=True)
    nn.functional.silu(nn.functional.leaky_relu(z, 0.5)).sum().backward()
    assert cr.equal(x.grad, z.grad)


def test_the_tables_of_a_module_are_read_only():
    net = nn.Sequential(nn.Linear(2, 3))
    for table in (net[0]._parameters, net[0]._buffers, net._modules):
        with pytest.raises(TypeError):
            table["other"] = None
    assert net[0]._parameters["weight"] is net[0].weight
    net[0].register_parameter("scale", nn.Parameter(cr.ones(3)))
    assert list(net[0]._parameters) == ["weight", "bias", "scale"]


def test_modules_have_forward_hooks_alone():
    net = nn.Linear(2, 3)
    hooks = {name for name in dir(net) if name.startswith("register_") and name.endswith("_hook")}
    assert hooks == {"register_forward_hook", "register_forward_pre_hook"}
    seen = []
    y = net(cr.ones(1, 2))
    y.register_hook(seen.append)
    y.sum().backward()
    assert seen[0].tolist() == [[1.0, 1.0, 1.0]]


def test_the_grad_of_a_result_is_none_without_a_warning():
    x = cr.ones(2, requires_grad=True)
    y, kept = x * 2, x * 3
    kept.retain_grad()
    (y + kept).sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert y.grad is None
    assert kept.grad.tolist() == [1, 1]


def overwritten(write):
    a, b = cr.ones(2, requires_grad=True), cr.ones(2, requires_grad=True)
    c = a * 3
    write(c, b)
    c.sum().backward()
    return a.grad, b.grad


def test_an_overwritten_history_is_let_go():
    for write in (
        lambda c, b: c.copy_(b * 2),
        lambda c, b: c.__setitem__(..., b * 2),
        lambda c, b: c.fill_(b.sum() / 2),
    ):
        gone, written = overwritten(write)
        assert gone is None and (written > 0).all()
    for write in (lambda c, b: c.copy_(b), lambda c, b: c.fill_(1), lambda c, b: c.zero_()):
        assert overwritten(write)[0].tolist() == [0, 0]


def test_gradcheck_wants_float64():
    x = cr.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match=r"Use \.double\(\)"):
        cr.autograd.gradcheck(cr.square, (x,))
    assert cr.autograd.gradcheck(cr.square, (x.detach().double().requires_grad_(),))


def test_functions_have_no_out():
    x = cr.ones(2)
    for function in (cr.add, cr.mul, cr.maximum):
        with pytest.raises(TypeError, match="'out' is no parameter"):
            function(x, x, out=cr.zeros(2))
    assert x.add_(x).tolist() == [2, 2]


def test_files_hold_values_alone(tmp_path):
    tensors = {"weight": nn.Parameter(cr.ones(2)), "leaf": cr.ones(2, requires_grad=True)}
    cr.save(tensors, tmp_path / "x.safetensors")
    for value in cr.load(tmp_path / "x.safetensors").values():
        assert type(value) is cr.Tensor and not value.requires_grad
    net = nn.Linear(2, 2)
    cr.save(net.state_dict(), tmp_path / "net.safetensors")
    net.load_state_dict(cr.load(tmp_path / "net.safetensors"))
    assert isinstance(net.weight, nn.Parameter) and net.weight.requires_grad


def test_a_state_dict_is_a_dict():
    net = nn.Linear(2, 2)
    state = net.state_dict()
    assert type(state) is dict and not hasattr(state, "_metadata")
    answer = net.load_state_dict({"weight": state["weight"], "more": state["bias"]}, strict=False)
    assert type(answer).__name__ == "IncompatibleKeys"
    assert answer == (["bias"], ["more"]) == (answer.missing_keys, answer.unexpected_keys)


def test_diabetes_is_in_its_own_units():
    pytest.importorskip("sklearn")
    data = cr.datasets.load("diabetes")
    age = data.x[:, data.feature_names.index("age")]
    assert (age == age.round()).all() and 18 <= age.min() < age.max() < 100


def test_a_loader_has_no_workers():
    data = cr.utils.data.TensorDataset(cr.ones(3))
    with pytest.raises(ValueError, match="num_workers=2"):
        cr.utils.data.DataLoader(data, num_workers=2)
    plain = cr.utils.data.DataLoader(data, pin_memory=True, pin_memory_device="", in_order=False)
    assert len(list(plain)) == 3


def test_a_dataset_of_unequal_lengths_is_a_shape_error():
    with pytest.raises(cr.ShapeError, match="equal numbers of rows"):
        cr.utils.data.TensorDataset(cr.ones(3), cr.ones(4))


def test_flags_and_numbers_of_an_optimizer():
    p = cr.nn.Parameter(cr.ones(2))
    for name, value in (("maximize", 1), ("nesterov", "yes")):
        with pytest.raises(TypeError, match=f"{name} to be True or False"):
            cr.optim.SGD([p], lr=0.1, momentum=0.9, **{name: value})
    with pytest.raises(TypeError, match="amsgrad to be True or False; got None"):
        cr.optim.Adam([p], amsgrad=None)
    small = cr.tensor(0.1)
    for settings in ({"eps": small}, {"weight_decay": small}, {"betas": (small, small)}):
        with pytest.raises(TypeError, match="Only lr may be a tensor"):
            cr.optim.Adam([p], **settings)
    assert cr.optim.Adam([p], lr=small).param_groups[0]["lr"] is small


def test_inference_tensors_are_constants_of_a_graph():
    x = cr.ones(2, requires_grad=True)
    with cr.inference_mode():
        factor = cr.full((2,), 3.0)
    (x * factor).sum().backward()
    assert x.grad.tolist() == [3, 3]
    y = x * factor
    with cr.inference_mode():
        factor.add_(1)
    with pytest.raises(cr.StateError, match="add changed in place"):
        y.sum().backward()


def test_a_detached_inference_tensor_is_not_written_outside():
    with cr.inference_mode():
        x = cr.ones(2)
    for same in (x.detach(), x.data):
        with pytest.raises(cr.StateError, match="made outside inference_mode"):
            same.add_(1)
    assert x.tolist() == [1, 1]


def test_the_views_of_one_call_follow_writes():
    for views in (lambda y: y.unbind(0), lambda y: y.split(1), lambda y: y.chunk(2)):
        x = cr.tensor([2.0, 3.0], requires_grad=True)
        y = x * 1
        first, second = views(y)
        y.mul_(10)
        first.mul_(2)
        (y + first.sum() + second.sum()).sum().backward()
        assert (first.sum().item(), second.sum().item(), y.tolist()) == (40, 30, [40, 30])
        assert x.grad.tolist() == [60, 30]


def test_a_view_made_under_no_grad_requires_none():
    x = cr.ones(2, requires_grad=True)
    with cr.no_grad():
        assert not x[0:1].requires_grad and not (x * 2).requires_grad
    y = cr.ones(2)
    view = y[0:1]
    assert not view.requires_grad and y.requires_grad_().requires_grad
    assert not view.requires_grad


def test_bounds_that_a_dtype_cannot_hold():
    x = cr.tensor([0, 7, 255], dtype=cr.uint8)
    assert x.clamp(min=-5).tolist() == [0, 7, 255]
    assert x.clamp(max=300).tolist() == [0, 7, 255]


def test_fractions_are_cut_before_they_are_asked_to_fit():
    for value, left in ((-0.5, 0), (1.7, 1), (255.9, 255)):
        assert cr.tensor([value], dtype=cr.uint8).tolist() == [left]
        assert cr.full((1,), value, dtype=cr.uint8).tolist() == [left]
        assert cr.ones(1, dtype=cr.uint8).fill_(value).tolist() == [left]
    for value in (-1.0, 256.0):
        with pytest.raises(ValueError, match="fits uint8"):
            cr.full((1,), value, dtype=cr.uint8)


def test_iinfo_prints_its_integers():
    assert str(2**63 - 1) in repr(cr.iinfo(cr.int64))


def test_no_dims_are_all_dims():
    x = cr.tensor([[1.0, 0.0], [2.0, 3.0]])
    assert cr.sum(x, dim=()).item() == 6.0
    assert cr.any(x, dim=()).tolist() is True
    assert cr.all(x, dim=()).tolist() is False


@pytest.mark.parametrize(
    ("optimizer", "average"),
    [
        (lambda p: cr.optim.SGD(p, lr=0.1, momentum=0.9), "momentum_buffer"),
        (lambda p: cr.optim.Adam(p), "exp_avg"),
        (lambda p: cr.optim.AdamW(p), "exp_avg"),
    ],
)
def test_averages_are_never_subnormal(optimizer, average):
    p = cr.ones(40).requires_grad_()
    step = optimizer([p])
    p.grad = cr.ones(40)
    step.step()
    p.grad = cr.zeros(40)
    seen = []
    for _ in range(1000):
        step.step()
        seen.append(step.state[p][average][7].item())
    smallest = cr.finfo(cr.float32).tiny
    assert min(x for x in seen if x) >= smallest
    assert seen[-1] == 0
    assert seen.index(0.0) > 800

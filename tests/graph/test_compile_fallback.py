"""compile(fallback=True): a call that cannot be captured runs once, eagerly, to its end."""

import gc
import pickle
import threading
import warnings

import pytest

import chainrule as cr
from chainrule import nn


class Doubled(cr.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, dy):
        return dy * 2


def read_the_loss(net, optimizer, loss):
    optimizer.param_groups[0]["lr"] = 0.1 / (1.0 + loss.item())


def rebind(net, optimizer, loss):
    net.scale = 3.0 if net.scale == 2.0 else 2.0


def hook(net, optimizer, loss):
    net[0].weight.register_hook(lambda g: g * 0.5)


def evaluate(net, optimizer, loss):
    net.eval() if net.training else net.train()


def drop_state(net, optimizer, loss):
    optimizer.state.clear()


def new_data(net, optimizer, loss):
    with cr.no_grad():
        net[0].weight.mul_(cr.tensor([0.5]))


def seed(net, optimizer, loss):
    cr.manual_seed(3)


def mask(net, optimizer, loss):
    with cr.no_grad():
        weight = net[0].weight
        weight.mul_(0.5 + weight[weight > 0].mean() / 10)


def unique(net, optimizer, loss):
    with cr.no_grad():
        net[0].weight.mul_(0.5 + cr.unique(net[0].bias).sum() / 100)


def own_function(net, optimizer, loss):
    net[0].bias.data.add_(Doubled.apply(net[0].bias.detach()))


EFFECTS = [
    read_the_loss,
    rebind,
    hook,
    evaluate,
    drop_state,
    new_data,
    seed,
    mask,
    unique,
    own_function,
]


class Scaled(nn.Sequential):
    def __init__(self, *modules):
        super().__init__(*modules)
        self.scale = 2.0

    def forward(self, x):
        return super().forward(x) * self.scale


def training(compiled, effect, where):
    """Losses, weights and optimizer state after five steps, with an effect in the middle of each."""
    cr.manual_seed(0)
    net = Scaled(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.3), nn.Linear(5, 2))
    optimizer = cr.optim.Adam(net.parameters(), lr=0.05)
    calls = []

    def step(x, y):
        calls.append(1)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        if where == "before backward":
            effect(net, optimizer, loss)
        loss.backward()
        if where == "after backward":
            effect(net, optimizer, loss)
        optimizer.step()
        if where == "at the end":
            effect(net, optimizer, loss)
        return loss

    step = cr.compile(step, fallback=True) if compiled else step
    x, y = cr.randn(6, 4), cr.randn(6, 2)
    losses = [step(x, y).item() for _ in range(5)]
    weights = [p.detach().tolist() for p in net.parameters()]
    state = [t.tolist() for entries in optimizer.state.values() for t in entries.values()]
    assert len(calls) == 5
    if compiled:
        assert step.stats["replays"] == 0
    return losses, weights, state, cr.get_rng_state().tolist()


@pytest.mark.parametrize("where", ["before backward", "after backward", "at the end"])
@pytest.mark.parametrize("effect", EFFECTS, ids=lambda e: e.__name__)
def test_a_whole_step_is_what_eager_makes_of_it(effect, where):
    wanted = training(False, effect, where)
    with pytest.warns(UserWarning, match=r"test_compile_fallback\.py:\d+") as heard:
        got = training(True, effect, where)
    assert got == wanted
    assert len(heard) == 1
    assert heard[0].filename == __file__
    assert str(heard[0].message).endswith(
        "This call and later ones of its signature run eagerly, as fallback=True asks."
    )
    assert cr._core._recording() is None


def test_backward_through_history_from_outside():
    results = []
    for compiled in (False, True):
        w = cr.tensor([1.0, 2.0], requires_grad=True)

        def step(x):
            (x * x).sum().backward()
            return x.detach() + 1

        if compiled:
            step = cr.compile(step, fallback=True)
            with pytest.warns(UserWarning, match="expected backward to stay inside"):
                step(w * 3)
        else:
            step(w * 3)
        step(w * 3)
        results.append(w.grad.tolist())
    assert results[0] == results[1]


def changes_the_mode(x):
    cr.set_grad_enabled(False)
    return x * 2


def returns_an_object(x):
    return {"y": x * 2, "extra": object}


def changes_its_argument(x, found=None):
    if found is not None:
        found.append(x * 2)
    return x * 2


def writes_with_history(x):
    w = cr.ones(3, requires_grad=True)
    x[0] = w.sum()
    return x * 1


@pytest.mark.parametrize(
    ("body", "match", "more"),
    [
        (changes_the_mode, "leaves the gradient mode", ()),
        (returns_an_object, "expected results of tensors", ()),
        (changes_its_argument, "one that changes argument 1", ([],)),
        (writes_with_history, "expected writes into tensors from outside to have no history", ()),
    ],
)
def test_what_is_found_at_the_end_of_a_recording(body, match, more):
    calls = []

    def counted(x, *more):
        calls.append(1)
        return body(x, *more)

    fast = cr.compile(counted, fallback=True)
    try:
        with pytest.warns(UserWarning, match=match):
            got = fast(cr.tensor([1.0, 2.0, 3.0]), *more)
    finally:
        cr.set_grad_enabled(True)
    wanted = body(cr.tensor([1.0, 2.0, 3.0]), *(type(m)() for m in more))
    cr.set_grad_enabled(True)
    if isinstance(got, dict):
        assert got["extra"] is object
        got, wanted = got["y"], wanted["y"]
    assert got.tolist() == wanted.tolist()
    assert len(calls) == 1


def test_four_recordings_that_differ():
    rate = iter(range(1, 20))
    fast = cr.compile(lambda x: x * next(rate), fallback=True)
    with pytest.warns(UserWarning, match=r"got 3\.0, then 4\.0 at") as heard:
        results = [fast(cr.ones(1)).item() for _ in range(9)]
    assert results == list(range(1, 10))
    assert len(heard) == 1
    assert fast.stats == {"replays": 0, "recordings": 4}


def test_other_signatures_are_replayed():
    @cr.compile(fallback=True)
    def total(x):
        y = (x * x).sum()
        return y + y.item() if x.shape[0] == 3 else y

    with pytest.warns(UserWarning) as heard:
        results = [total(cr.ones(n)).item() for n in (3, 2) * 4]
    assert results == [6, 2] * 4
    assert len(heard) == 1
    assert total.stats == {"replays": 2, "recordings": 2}
    assert total.plans == 1


def test_one_warning_for_all_signatures():
    fast = cr.compile(lambda x: x.sum().item(), fallback=True)
    with pytest.warns(UserWarning) as heard:
        assert [fast(cr.ones(n)) for n in range(1, 5)] == [1, 2, 3, 4]
    assert len(heard) == 1


def test_arrays_come_as_tensors_in_every_call():
    numpy = pytest.importorskip("numpy")
    kinds = []

    @cr.compile(fallback=True)
    def total(x):
        kinds.append(type(x))
        return x.sum().item()

    with pytest.warns(UserWarning):
        assert [total(numpy.ones(3)) for _ in range(3)] == [3, 3, 3]
    assert set(kinds) == {cr.Tensor}


def test_an_exception_after_the_recorder_was_dropped():
    calls = []

    @cr.compile(fallback=True)
    def fails(x):
        calls.append(x.sum().item())
        raise KeyError("own")

    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(KeyError, match="own"):
                fails(cr.ones(2))
    assert calls == [2, 2]
    assert cr._core._recording() is None


def test_compiled_functions_inside_the_rest_of_a_call_have_plans_of_their_own():
    inner = cr.compile(lambda x: x * 2 + 1)

    @cr.compile(fallback=True)
    def outer(x):
        first = inner(x)  # part of the outer recording while there is one
        first.sum().item()
        return inner(first)

    with pytest.warns(UserWarning):
        results = [outer(cr.ones(2)).tolist() for _ in range(4)]
    assert results == [[7, 7]] * 4
    assert inner.stats["recordings"] == 2
    assert inner.stats["replays"] == 5


def test_inside_a_recording_the_outer_function_decides():
    inner = cr.compile(lambda x: x.sum().item(), fallback=True)
    with pytest.raises(cr.CaptureError, match="got item"):
        cr.compile(lambda x: x * inner(x))(cr.ones(2))


def test_a_change_that_ended_a_recording_ends_the_plans_of_others():
    net = nn.Linear(2, 1)
    forward = cr.compile(lambda x: net(x) * net.scale)
    net.scale = 2.0
    x = cr.ones(1, 2)
    with cr.no_grad():
        before = [forward(x).item() for _ in range(4)]

    @cr.compile(fallback=True)
    def change(x):
        net.scale = 4.0
        return x * 1

    with pytest.warns(UserWarning, match=r"got one at test_compile_fallback\.py"):
        change(x)
    with cr.no_grad():
        assert forward(x).item() == 2 * before[0]


def test_nothing_is_kept_of_what_was_recorded():
    threads = cr.get_num_threads()
    cr.set_num_threads(1)  # a worker takes memory of its own in its first region

    @cr.compile(fallback=True)
    def read(x):
        return (x * 2).sum().item()

    before = cr._core._memory_stats()["allocated"]
    with pytest.warns(UserWarning):
        read(cr.ones(1000, 1000))
    gc.collect()
    assert cr._core._memory_stats()["allocated"] < before + 1_000_000
    cr.set_num_threads(threads)


def test_hooks_that_a_backward_inside_calls():
    def train(compiled):
        w, heard = nn.Parameter(cr.ones(2)), []
        w.register_hook(lambda g: heard.append("hook") or g * 0.5)
        w.register_post_accumulate_grad_hook(lambda p: heard.append("after"))
        optimizer = cr.optim.SGD([w], lr=0.1)

        def step(x):
            def closure():
                optimizer.zero_grad()
                loss = (w * x).square().sum()
                loss.backward()
                return loss

            return optimizer.step(closure)

        step = cr.compile(step, fallback=True) if compiled else step
        return [step(cr.ones(2)).item() for _ in range(4)], w.tolist(), heard

    with pytest.warns(UserWarning, match="expected no hook while recording"):
        got = train(True)
    assert got == train(False)


def run(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads():
    fast = cr.compile(lambda x: x.sum() * x.sum().item(), fallback=True)
    plain = cr.compile(lambda x: x * 2)
    found = {}

    def work(value):
        x = cr.full((3,), float(value))
        found[value] = {(fast(x).item(), plain(x)[0].item()) for _ in range(100)}

    threads = [threading.Thread(target=work, args=(value,)) for value in range(4)]
    with pytest.warns(UserWarning):
        run(threads)
    assert found == {value: {(9.0 * value**2, 2.0 * value)} for value in range(4)}


def test_a_recording_that_gave_up_may_end_on_another_thread():
    kept = [cr._core._Recording([cr.ones(1)], gives_up=True)]
    cr.ones(1).item()
    assert "got item at" in kept[0].refusal
    with pytest.raises(cr.StateError, match="one that has ended"):
        kept[0].finish([])
    run([threading.Thread(target=kept.clear)])
    assert cr.compile(lambda x: x * 2)(cr.ones(1)).item() == 2  # nothing is under way here


class Counter:
    @cr.compile(fallback=True)
    def read(self, x):
        return x.sum().item()


def double(x):
    return x * (2 if x.sum().item() else 0)


def test_methods_copies_and_modules():
    with pytest.warns(UserWarning):
        assert Counter().read(cr.ones(3)) == 3
    copy = pickle.loads(pickle.dumps(cr.compile(double, fallback=True)))
    with pytest.warns(UserWarning):
        assert copy(cr.ones(1)).item() == 2
    with pytest.raises(cr.CaptureError):
        pickle.loads(pickle.dumps(cr.compile(double)))(cr.ones(1))


def test_fallback_is_a_bool():
    with pytest.raises(TypeError, match=r"^\[compile\] expected fallback to be a bool; got str"):
        cr.compile(abs, fallback="yes")
    with pytest.raises(TypeError, match=r"alone; got mode"):
        cr.compile(abs, fallback=True, mode="default")

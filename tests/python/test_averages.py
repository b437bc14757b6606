"""AveragedModel: captured and eager with the same bits, errors."""

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.optim import swa_utils
from chainrule.optim.swa_utils import AveragedModel


def own(averages, values, count):
    for average, value in zip(averages, values, strict=True):
        average.mul_(0.5).add_(value * 0.5 / (count + 1))


FORMS = {
    "equal": {},
    "ema": {"avg_fn": swa_utils.get_ema_avg_fn(0.9)},
    "ema of lists": {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.9)},
    "swa of lists": {"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()},
    "of one's own": {"multi_avg_fn": own},
    "with buffers": {"use_buffers": True},
}


class Counting(nn.Module):
    """Has a buffer that each call changes."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
        self.register_buffer("mean", cr.zeros(4))

    def forward(self, x):
        with cr.no_grad():
            self.mean.mul_(0.9).add_(0.1 * x.mean(0))
        return self.body(x)


def trained(form, compiled, dtype=cr.float32):
    cr.manual_seed(3)
    net = Counting().to(dtype)
    averaged = AveragedModel(net, **FORMS[form])
    optimizer = cr.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)

    def step(x):
        optimizer.zero_grad()
        loss = (net(x) ** 2).sum()
        loss.backward()
        optimizer.step()
        averaged.update_parameters(net)
        return loss

    call = cr.compile(step) if compiled else step
    for seed in range(8):
        call(cr.randn(5, 4, generator=cr.Generator().manual_seed(seed)).to(dtype))
    return {k: v.tolist() for k, v in averaged.state_dict().items()}, call, net


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64], ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_inside_a_compiled_step(form, dtype):
    eager, _, net = trained(form, False, dtype)
    compiled, step, _ = trained(form, True, dtype)
    assert eager == compiled and eager["n_averaged"] == 8
    assert step.plans == 1 and step.stats["replays"] >= 5
    assert eager["module.body.0.weight"] != net.body[0].weight.tolist()
    assert (eager["module.mean"] == net.mean.tolist()) == (form != "with buffers")


def test_an_equal_mean_keeps_the_digits_of_float64():
    (equal, *_), (lists, *_) = (
        trained(form, False, cr.float64) for form in ("equal", "swa of lists")
    )
    assert equal == lists


def test_the_first_update_copies_whatever_was_there():
    net = nn.Linear(2, 2)
    averaged = AveragedModel(net, multi_avg_fn=own)
    nn.init.constant_(averaged.module.weight, float("nan"))
    averaged.update_parameters(net)
    assert cr.equal(averaged.module.weight, net.weight)
    assert averaged.module.weight is not net.weight and averaged.n_averaged.item() == 1


def test_errors():
    net = nn.Linear(2, 2)
    functions = {"avg_fn": swa_utils.get_swa_avg_fn(), "multi_avg_fn": own}
    with pytest.raises(ValueError, match="expected avg_fn or multi_avg_fn; got both"):
        AveragedModel(net, **functions)
    with pytest.raises(TypeError, match="expected a Module; got Parameter"):
        AveragedModel(net.weight)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="expected a function; got float"):
        AveragedModel(net, avg_fn=0.9)  # pyright: ignore[reportArgumentType]
    averaged = AveragedModel(net)
    for other in (
        nn.Linear(2, 3),
        nn.Linear(2, 2, bias=False),
        nn.Sequential(net, net, nn.Linear(2, 2)),
    ):
        with pytest.raises(ValueError, match="expected parameters of the shapes"):
            averaged.update_parameters(other)
    assert averaged.n_averaged.item() == 0
    with pytest.raises(ValueError, match="0 <= decay <= 1; got 2"):
        swa_utils.get_ema_avg_fn(2)


def test_a_batch_that_fails_leaves_mode_and_momentum():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).eval()
    with pytest.raises(cr.ShapeError):
        swa_utils.update_bn([cr.ones(4, 2), cr.ones(4, 5)], net)
    assert not net.training and net[1].momentum == 0.1
    swa_utils.update_bn([], nn.Linear(2, 2))  # nothing to measure


def test_a_model_that_averages_is_a_module():
    averaged = AveragedModel(nn.Dropout(0.5))
    averaged.eval()
    assert not averaged.module.training
    x = cr.ones(3)
    assert averaged(x).tolist() == x.tolist()
    assert [name for name, _ in averaged.named_modules()] == ["", "module"]

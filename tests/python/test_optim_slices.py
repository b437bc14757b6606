"""The optimisers update every element once, on any number of threads and with parameters that have
taken different numbers of steps."""

import numpy as np
import pytest

import chainrule as cr
from optim_family import ANY_SHAPE

SIZES = (0, 1, 31, 32, 33, 2047, 5000, 70_001)  # 19 parts of these together


@pytest.fixture
def threads():
    before = cr.get_num_threads()
    yield cr.set_num_threads
    cr.set_num_threads(before)


def made(name, params):
    lr = 100 if name == "Adadelta" else 0.1  # whose first steps are small
    return getattr(cr.optim, name)(params, lr=lr, **ANY_SHAPE[name])


def trained(name, dtype, steps=3):
    rng = np.random.default_rng(0)
    params = [cr.tensor(rng.standard_normal(n)).to(dtype).requires_grad_() for n in SIZES]
    optimizer = made(name, params)
    for _ in range(steps):
        for p in params:
            p.grad = cr.tensor(rng.uniform(0.5, 1.5, p.numel())).to(dtype)
        optimizer.step()
    return [p.detach().to(cr.float64).numpy().tobytes() for p in params], params


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64, cr.bfloat16], ids=str)
@pytest.mark.parametrize("name", ANY_SHAPE)
def test_the_same_bits_on_any_number_of_threads(name, dtype, threads):
    threads(1)
    expected, params = trained(name, dtype)
    rng = np.random.default_rng(0)
    for p, start in zip(params, [rng.standard_normal(n) for n in SIZES], strict=True):
        assert (p.detach().to(cr.float64).numpy() < start - 0.1).all()  # every gradient is positive
    for n in (2, 3, 4, 7):
        threads(n)
        assert trained(name, dtype)[0] == expected


@pytest.mark.parametrize("name", ANY_SHAPE)
def test_each_parameter_has_its_own_step_count(name):
    """Parameters 0 and 3 begin later: steps of 1, 2, 2, 1, then 2, 3, 3, 2."""
    rng = np.random.default_rng(1)
    start, grads = rng.standard_normal((4, 6)), rng.standard_normal((3, 4, 6))
    late = (0, 3)

    def run(chosen):
        params = [cr.tensor(start[i]).requires_grad_() for i in chosen]
        optimizer = made(name, params)
        for turn in range(3):
            for i, p in zip(chosen, params, strict=True):
                p.grad = None if turn == 0 and i in late else cr.tensor(grads[turn, i])
            optimizer.step()
        return [p.detach().numpy().tobytes() for p in params]

    assert run(range(4)) == [run([i])[0] for i in range(4)]

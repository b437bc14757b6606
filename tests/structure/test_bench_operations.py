"""What bench_op times is the same work in both libraries, and bench_optim's loop touches all memory."""

import numpy as np
import pytest

import chainrule

RANDOM = {"rrelu", "dropout", "alpha_dropout"}


def test_operations_agree_with_pytorch(bench, monkeypatch):
    torch = pytest.importorskip("torch", reason="pip install torch==2.13.0")
    operations = bench("operations")
    for name, value in {"SIZE": 3000, "ROWS": 30, "WIDTH": 20}.items():
        monkeypatch.setattr(operations, name, value)
    names = set()
    for operation in operations.operations():
        names.add(operation.name)
        if operation.name in RANDOM:
            continue
        results, gradients = [], []
        for lib in (chainrule, torch):
            inputs, run = operation.prepare(lib, 3)
            result = run(*inputs)
            results.append(result.detach().numpy())
            if result.requires_grad:
                result.sum().backward()
            gradients.append([x.grad.numpy() for x in inputs if x.requires_grad])
        np.testing.assert_allclose(*results, rtol=2e-4, atol=2e-4, err_msg=operation.name)
        for ours, theirs in zip(*gradients, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-3, err_msg=operation.name)
    assert len(names) == len(operations.operations()) > 60 and names > RANDOM


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_memory_loop_reads_and_writes_all(bench, count):
    arrays = [np.random.default_rng(k).random(1001, dtype=np.float32) for k in range(count)]
    before = np.array(arrays)
    loop = bench("machine").stream(arrays)
    if loop is None:
        pytest.skip("there is no C++ compiler: install one")
    loop()
    np.testing.assert_allclose(arrays[0], before.mean(0), rtol=1e-5)
    assert all((a == arrays[0]).all() for a in arrays[:-1]) and (arrays[-1] == before[-1]).all()


def test_every_optimizer_is_timed(bench):
    known = {name for name in chainrule.optim.__all__ if name[0].isupper()}
    composed = {"Adafactor", "LAMB", "Muon"}  # arithmetic on tensors, not one native update
    assert {name for name, _ in bench("bench_optim").OPTIMIZERS} == known - composed - {"Optimizer"}

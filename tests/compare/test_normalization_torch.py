"""Layers that normalise, beside PyTorch: text, keys, outputs, gradients, running statistics."""

import numpy as np
import pytest

import chainrule as cr
from both_libraries import LIBRARIES, both, close, same_weights

LAYERS = [
    (lambda nn: nn.LayerNorm(7), (5, 7)),
    (lambda nn: nn.LayerNorm((3, 7), eps=0.1, bias=False), (5, 3, 7)),
    (lambda nn: nn.LayerNorm([7], elementwise_affine=False), (2, 5, 7)),
    (lambda nn: nn.RMSNorm(7), (5, 7)),
    (lambda nn: nn.RMSNorm((3, 7), eps=0.1), (5, 3, 7)),
    (lambda nn: nn.RMSNorm(7, elementwise_affine=False), (5, 7)),
    (lambda nn: nn.GroupNorm(2, 6), (4, 6, 3)),
    (lambda nn: nn.GroupNorm(3, 6, eps=0.1, bias=False), (4, 6)),
    (lambda nn: nn.GroupNorm(6, 6, affine=False), (4, 6, 3, 2)),
    (lambda nn: nn.BatchNorm1d(4), (6, 4)),
    (lambda nn: nn.BatchNorm1d(4, eps=0.1, momentum=0.3), (6, 4, 5)),
    (lambda nn: nn.BatchNorm1d(4, momentum=None), (6, 4)),
    (lambda nn: nn.BatchNorm1d(4, affine=False), (6, 4)),
    (lambda nn: nn.BatchNorm1d(4, track_running_stats=False), (6, 4)),
    (lambda nn: nn.BatchNorm1d(4, bias=False), (6, 4)),
    (lambda nn: nn.BatchNorm2d(4), (3, 4, 5, 2)),
    (lambda nn: nn.BatchNorm3d(2), (3, 2, 3, 2, 2)),
    (lambda nn: nn.InstanceNorm1d(4), (3, 4, 5)),
    (lambda nn: nn.InstanceNorm1d(4, affine=True, track_running_stats=True), (3, 4, 5)),
    (lambda nn: nn.InstanceNorm1d(4), (4, 5)),
    (lambda nn: nn.InstanceNorm2d(4, track_running_stats=True, momentum=0.4), (3, 4, 5, 2)),
    (lambda nn: nn.InstanceNorm3d(2, affine=True), (3, 2, 3, 2, 2)),
]


def randomized(layer):
    for tensor in layer.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 2.0)


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_layers(make, shape):
    rng = np.random.default_rng(0)
    ours, theirs = (make(lib.nn).double() for lib in LIBRARIES)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    randomized(theirs)
    same_weights(ours, theirs)
    for training in (True, True, False, True, False):
        x, dy = rng.normal(2.0, 3.0, shape), rng.normal(size=shape)
        inputs = []
        for lib, layer in zip(LIBRARIES, (ours, theirs), strict=True):
            layer.train(training)
            layer.zero_grad()
            inputs.append(lib.tensor(x, requires_grad=True))
            layer(inputs[-1]).backward(lib.tensor(dy))
        close(ours(inputs[0]), theirs(inputs[1]))
        close(inputs[0].grad, inputs[1].grad, rtol=1e-11)
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            close(own.grad, other.grad, rtol=1e-11)
        for own, other in zip(ours.buffers(), theirs.buffers(), strict=True):
            close(own, other)


def test_float32_and_bfloat16():
    rng = np.random.default_rng(1)
    x = rng.normal(5.0, 2.0, (9, 65)).astype(np.float32)

    def result(lib, dtype):
        return lib.nn.LayerNorm(65).to(dtype)(lib.tensor(x).to(dtype)).float()

    def of_rms(lib):
        rows = lib.tensor([[0.01] * 8, [0.2] * 8, [5.0] * 8]).to(lib.bfloat16)
        return lib.nn.RMSNorm(8).to(lib.bfloat16)(rows).float()

    close(*both(of_rms), rtol=2**-8)
    for dtype, rtol in (("float32", 2e-6), ("bfloat16", 2**-7)):
        ours, theirs = both(lambda lib: result(lib, getattr(lib, dtype)))  # noqa: B023
        close(ours, theirs, rtol=rtol)


def test_functions():
    rng = np.random.default_rng(2)
    x, mean, var = rng.normal(size=(4, 3, 5)), rng.normal(size=3), rng.uniform(0.5, 2, 3)

    def outcomes(lib):
        f = lib.nn.functional
        running = lib.tensor(mean), lib.tensor(var)
        seen = [f.batch_norm(lib.tensor(x), *running)]
        seen.append(f.batch_norm(lib.tensor(x), *running, training=True, momentum=0.25))
        seen.append(f.instance_norm(lib.tensor(x), *running, momentum=0.25))
        seen.append(f.instance_norm(lib.tensor(x), *running, use_input_stats=False))
        seen.append(f.batch_norm(lib.tensor(x), None, None, training=True))
        return [*seen, *running]

    for own, other in zip(*both(outcomes), strict=True):
        close(own, other)


@pytest.mark.parametrize(
    "act",
    [
        lambda lib: lib.nn.BatchNorm1d(3)(lib.zeros(1, 3)),
        lambda lib: lib.nn.BatchNorm1d(3)(lib.zeros(3)),
        lambda lib: lib.nn.BatchNorm2d(3)(lib.zeros(2, 3)),
        lambda lib: lib.nn.BatchNorm1d(3)(lib.zeros(2, 4)),
        lambda lib: lib.nn.InstanceNorm1d(3)(lib.zeros(2, 3, 1)),
        lambda lib: lib.nn.InstanceNorm1d(3, affine=True)(lib.zeros(4, 5)),
        lambda lib: lib.nn.GroupNorm(3, 4),
        lambda lib: lib.nn.functional.group_norm(lib.zeros(1, 4), 4),
        lambda lib: lib.nn.functional.layer_norm(lib.zeros(2, 3), (2,)),
        lambda lib: lib.nn.functional.batch_norm(lib.zeros(2, 3), None, None),
        lambda lib: lib.nn.BatchNorm1d(-1),
    ],
)
def test_what_is_refused(act):
    raised = []
    for lib in LIBRARIES:
        with pytest.raises(Exception) as error:
            act(lib)
        raised.append(error.value)
    assert isinstance(raised[0], (ValueError, cr.StateError)), raised
    assert isinstance(raised[1], (ValueError, RuntimeError)), raised

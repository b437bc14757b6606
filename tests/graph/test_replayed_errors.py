"""What a replay refuses, in the words of an eager call."""

import pytest

import chainrule as cr


@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
@pytest.mark.parametrize("target", [[0, 3], [-1, 0], [7, -5]])
def test_a_bad_class_is_told_by_a_replay_as_by_an_eager_call(name, target):
    loss = getattr(cr.nn.functional, name)
    scores, bad = cr.zeros(2, 3), cr.tensor(target)
    with pytest.raises(IndexError) as eager:
        loss(scores, bad)
    step = cr.compile(loss)
    for _ in range(3):
        step(scores, cr.tensor([0, 2]))
    with pytest.raises(IndexError) as replayed:
        step(scores, bad)
    assert step.stats["replays"] >= 1
    assert str(replayed.value) == str(eager.value)
    assert f"[{name}] expected targets in [0, 3) or ignore_index -100" in str(eager.value)
    assert step(scores, cr.tensor([-100, 2])).item() == loss(scores, cr.tensor([-100, 2])).item()


def test_a_loss_that_nobody_reads_refuses_its_targets_still():
    fast = cr.compile(lambda x, y: (cr.nn.functional.cross_entropy(x, y), x + 1)[1])
    x, y = cr.randn(4, 3), cr.tensor([0, 1, 2, 0])
    for _ in range(4):
        fast(x, y)
    assert fast.stats["replays"] > 0
    with pytest.raises(IndexError, match="cross_entropy"):
        fast(x, cr.tensor([0, 1, 3, 0]))

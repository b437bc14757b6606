"""A replay is of leaves where leaves were recorded, and of results where these were. Eager calls say
what is right."""

import pytest

import chainrule as cr


def leaf(n=2, value=1.0):
    return cr.full((n,), value, requires_grad=True)


def backward_inside(x):
    loss = (x * x).sum()
    loss.backward()
    return loss.detach()


def check_that_a_result_in_its_place_is_refused(p, step):
    """`p`, a leaf in the recordings of `step`, becomes a result."""
    for _ in range(4):
        step(cr.ones(2))
    w = leaf(value=3.0)
    p.requires_grad_(False)
    p.mul_(w)
    with pytest.raises(cr.CaptureError, match="expected backward to stay inside the function"):
        step(cr.ones(2))
    assert w.grad is None


def test_a_result_is_not_replayed_as_a_leaf():
    step = cr.compile(backward_inside)
    for _ in range(4):
        step(leaf())
    w = leaf()
    y = w * 3
    with pytest.raises(cr.CaptureError, match="expected backward to stay inside the function"):
        step(y)
    assert w.grad is None and y.grad is None
    x = leaf()
    step(x)
    assert x.grad.tolist() == [2.0, 2.0]
    assert step.stats["replays"] == 3


def test_a_result_in_place_of_a_leaf_runs_eagerly_as_fallback_asks():
    step = cr.compile(backward_inside, fallback=True)
    for _ in range(4):
        step(leaf())
    w = leaf()
    with pytest.warns(UserWarning, match="run eagerly"):
        step(w * 3)
    assert w.grad.tolist() == [18.0, 18.0]


def test_leaves_and_results_have_plans_of_their_own():
    step = cr.compile(lambda x: x * x)
    w = leaf()
    for _ in range(4):
        x = leaf()
        step(x).sum().backward()
        assert x.grad.tolist() == [2.0, 2.0]
        w.grad = None
        step(w * 3).sum().backward()
        assert w.grad.tolist() == [18.0, 18.0]
    assert step.plans == 2 and step.stats == {"replays": 4, "recordings": 4}


def test_a_leaf_from_outside_that_becomes_a_result_is_noticed():
    p = leaf()

    @cr.compile
    def step(x):
        p.grad = None
        (p * x).sum().backward()

    check_that_a_result_in_its_place_is_refused(p, step)
    assert step.stats["replays"] == 2


@pytest.mark.parametrize("inside", [False, True])
def test_a_view_from_outside_whose_base_gets_a_history_is_noticed(inside):
    w, base = leaf(4, 3.0), cr.ones(4)
    view = base[:2]
    step = cr.compile(lambda x: x * base[:2] if inside else x * view)
    for _ in range(4):
        assert not step(cr.ones(2)).requires_grad
    base.mul_(w)
    for _ in range(4):
        w.grad = None
        out = step(cr.ones(2))
        out.sum().backward(retain_graph=True)
        assert out.tolist() == [3.0, 3.0] and w.grad.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert step.stats == {"replays": 4, "recordings": 4}


@pytest.mark.parametrize("passed", [False, True])
def test_a_view_that_lost_sight_of_its_history_is_refused_as_by_eager(passed):
    w, base = leaf(4, 3.0), cr.ones(4)
    with cr.no_grad():
        view = base[:2]
    step = cr.compile((lambda x, v: x * v) if passed else (lambda x: x * view))
    arguments = (cr.ones(2), view) if passed else (cr.ones(2),)
    for _ in range(4):
        step(*arguments)
    base.mul_(w)
    for _ in range(2):
        with pytest.raises(cr.StateError, match="expected a view made with gradients enabled"):
            step(*arguments)
    with cr.no_grad():
        for _ in range(4):
            assert step(*arguments).tolist() == [3.0, 3.0]


def test_a_view_among_the_arguments_whose_base_gets_a_history_is_noticed():
    w, base = leaf(4, 3.0), cr.ones(4)
    view = base[:2]
    step = cr.compile(lambda x: x * x)
    for _ in range(4):
        assert not step(view).requires_grad
    base.mul_(w)
    for _ in range(4):
        w.grad = None
        step(view).sum().backward(retain_graph=True)
        assert w.grad.tolist() == [6.0, 6.0, 0.0, 0.0]


@pytest.mark.parametrize("alias_passed", [False, True])
def test_a_leaf_beside_an_alias_of_it_is_noticed(alias_passed):
    p = cr.ones(2)
    alias = p.detach()
    step = cr.compile(lambda x, d: x * (d if alias_passed else alias) + x * p)
    for _ in range(4):
        assert not step(cr.ones(2), alias).requires_grad
    p.requires_grad_()
    for _ in range(4):
        p.grad = None
        step(cr.full((2,), 3.0), alias).sum().backward()
        assert p.grad.tolist() == [3.0, 3.0]
    p.requires_grad_(False)
    assert not step(cr.ones(2), alias).requires_grad
    assert step.stats["recordings"] == 4


def test_a_leaf_beside_an_alias_of_it_that_becomes_a_result_is_noticed():
    p = leaf()
    alias = p.detach()

    @cr.compile
    def step(x):
        p.grad = None
        (x * alias + x * p).sum().backward()

    check_that_a_result_in_its_place_is_refused(p, step)


def test_views_made_inside_do_not_keep_the_arguments():
    """A program holds tensors from outside, not those of one call."""
    import gc
    import weakref

    step = cr.compile(lambda x: (x.detach() * x.detach()[:] + x.view(2, 2).reshape(4)) * x.data)
    for _ in range(4):
        x = cr.ones(4)
        step(x)
        seen = weakref.ref(x)
        del x
        gc.collect()
        assert seen() is None

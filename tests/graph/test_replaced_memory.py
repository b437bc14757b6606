"""Compiled functions and `.data`, which gives a tensor other memory of another layout: kernels that
were made ready for the old one must not run on it."""

import threading
import time

import numpy as np
import pytest

import chainrule as cr

SIDE = 1000  # of a matrix behind whose end no memory lies that a read might find


def compiled_product(w):
    product = cr.compile(lambda x: x @ w)
    x = cr.randn(4, SIDE)
    for _ in range(4):
        product(x)
    assert product.stats == {"replays": 2, "recordings": 2}
    return product, x


def test_a_program_refuses_a_state_of_another_layout():
    w = cr.randn(SIDE, SIDE)
    product, x = compiled_product(w)
    program = product.program
    for other in (cr.randn(2, 2), cr.randn(SIDE, SIDE).T, cr.randn(SIDE, SIDE + 1)):
        w.data = other
        assert program([x]) is None
    w.data = cr.randn(SIDE, SIDE, dtype=cr.float64)
    assert program([x]) is None
    w.data = cr.randn(SIDE, SIDE)
    np.testing.assert_array_equal(program([x])[0].numpy(), (x @ w).numpy())


def test_a_program_that_never_ran_refuses_a_state_of_another_layout():
    w, x = cr.randn(SIDE, SIDE), cr.randn(4, SIDE)
    product = cr.compile(lambda x: x @ w)
    for _ in range(2):
        product(x)
    program = product.program
    assert len(program) == 1
    w.data = cr.randn(2, 2)
    assert program([x]) is None
    w.data = cr.randn(SIDE, SIDE)
    np.testing.assert_array_equal(program([x])[0].numpy(), (x @ w).numpy())


def leaf(grad):
    x = cr.arange(float(SIDE * SIDE)).requires_grad_()
    x.grad = cr.ones(SIDE * SIDE)
    x.grad.data = grad
    return x


def square(x):
    (x * x).sum().backward()


@pytest.mark.parametrize(
    "make",
    [
        lambda: cr.zeros(2),
        lambda: cr.zeros(SIDE, SIDE),
        lambda: cr.ones(SIDE * SIDE, dtype=cr.bfloat16),
        lambda: cr.ones(SIDE * SIDE, dtype=cr.float64),
    ],
)
def test_an_arguments_gradient_of_another_layout_is_met_as_by_eager(make):
    fast = cr.compile(square)
    usual, compiled, eager = leaf(cr.ones(SIDE * SIDE)), leaf(make()), leaf(make())
    for _ in range(5):
        fast(usual)
    replays = fast.stats["replays"]

    def outcome(call, x):
        try:
            call(x)
        except cr.ShapeError as error:
            return str(error)
        return x.grad.dtype, x.grad.float().tolist()

    assert outcome(fast, compiled) == outcome(square, eager)
    assert fast.stats["replays"] == replays


def test_memory_that_is_replaced_while_a_thread_waits_for_the_plan():
    """Of two threads one waits, with the signature looked at, until the other has replayed."""
    for _ in range(5):
        w = cr.randn(SIDE, SIDE)
        product, x = compiled_product(w)
        outcomes = []

        def call(product=product, x=x, outcomes=outcomes):
            try:
                for _ in range(20):
                    outcomes.append(product(x).shape)
            except cr.ShapeError as error:
                outcomes.append(str(error))

        threads = [threading.Thread(target=call) for _ in range(2)]
        for t in threads:
            t.start()
        time.sleep(0.002)
        w.data = cr.randn(2, 2)
        for t in threads:
            t.join()
        assert all(o == (4, SIDE) or "[matmul]" in o for o in outcomes)

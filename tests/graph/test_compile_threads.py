"""Compiled functions and threads."""

import sys
import threading
import time

import numpy as np
import pytest

import chainrule as cr
import chainrule.nn.functional as F


def test_a_gradient_that_another_thread_clears_during_a_replay():
    w = cr.randn(256, 256).requires_grad_()
    x = cr.randn(256, 256)

    @cr.compile
    def accumulate(x):
        (x @ w).sum().backward()

    for _ in range(4):
        accumulate(x)
    program = accumulate.program  # itself, for a call would record again when a guard fails
    done = threading.Event()

    def clear():
        while not done.is_set():
            w.grad = None
            done.wait(0.0002)
            w.grad = cr.zeros(256, 256)
            done.wait(0.0005)

    thread = threading.Thread(target=clear)
    thread.start()
    try:
        replays, end = 0, time.monotonic() + 20
        while replays < 200 and time.monotonic() < end:
            replays += program([x]) is not None
    finally:
        done.set()
        thread.join()
    assert replays == 200
    w.grad = None
    assert program([x]) is None and w.grad is None
    w.grad = cr.zeros(256, 256)
    program([x])
    once = w.grad.numpy().copy()
    program([x])
    np.testing.assert_array_equal(w.grad.numpy(), once * 2)


def test_two_threads_may_call_one_compiled_function():
    w = cr.randn(500, 500)
    total = cr.zeros(1)

    @cr.compile
    def fn(x):
        y = x @ w
        total.add_(1)
        return y

    x = cr.randn(500, 500)
    with cr.no_grad():
        for _ in range(3):
            expected = fn(x).numpy().copy()
    errors = []

    def call(work):
        try:
            with cr.no_grad():
                for _ in range(10):
                    work()
        except Exception as error:  # noqa: BLE001  # shown by the assertion
            errors.append(error)

    def check():
        np.testing.assert_array_equal(fn(x).numpy(), expected)

    threads = [
        threading.Thread(target=call, args=(work,))
        for work in (check, check, lambda: fn.profile(x))
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert total.item() == 33  # each call has committed once


@pytest.fixture
def restless():
    """Threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.filterwarnings("ignore:.* 16 signatures")
def test_threads_share_a_full_table_of_plans(restless):
    scaled = cr.compile(lambda x, k: x * k)
    x = cr.ones(2)
    errors = []

    def call(first):
        try:
            for k in range(first, first + 1500):
                assert scaled(x, k % 70).tolist() == [k % 70] * 2
                assert scaled.plans <= 64 and "plan" in repr(scaled)
        except Exception as error:  # noqa: BLE001  # shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=call, args=(17 * i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert len(scaled._plans) == 64


@pytest.mark.filterwarnings("ignore:.* 16 signatures")
@pytest.mark.filterwarnings("ignore:.* 64 signatures made room")
def test_the_plans_used_last_are_kept():
    scaled = cr.compile(lambda x, k: x * k)
    x = cr.ones(2)

    for k in (*[0] * 3, *range(1, 64), 0, *range(64, 127), 0):
        scaled(x, k)
    assert scaled._latest.replays == 3
    for k in (*range(127, 191), 0):  # 64 others in between
        scaled(x, k)
    assert scaled._latest.replays == 0


def run(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_calls_that_run_eagerly():
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


def test_one_thread_of_several_runs_a_result_backward():
    w, x = cr.ones(50, 50, requires_grad=True), cr.ones(50, 50)
    fast = cr.compile(lambda x: (w @ x).tanh().sum())
    for _ in range(4):
        fast(x).backward()
    w.grad = None
    fast(x).backward()
    once = w.grad
    for _ in range(20):
        w.grad = None
        loss, start, found = fast(x), threading.Barrier(4), []

        def work(loss=loss, start=start, found=found):
            start.wait()
            try:
                loss.backward()
                found.append("ran")
            except cr.StateError:
                found.append("refused")

        run([threading.Thread(target=work) for _ in range(4)])
        assert sorted(found) == ["ran", "refused", "refused", "refused"]
        assert cr.equal(w.grad, once)


def test_threads_run_results_of_one_plan_backward():
    """Each has its own result, and the plan's backward section has one memory at a time."""
    w = cr.randn(64, 48)

    @cr.compile
    def f(x):
        return F.gelu(x @ w).square().sum()

    def gradients(count, seed):
        found = []
        for i in range(count):
            x = cr.tensor(np.random.default_rng((seed, i)).normal(size=(40, 64)).astype("f4"))
            x.requires_grad_()
            f(x).backward()
            found.append(x.grad.numpy().tobytes())
        return found

    gradients(4, 0)
    expected = [gradients(60, seed) for seed in range(3)]
    results = [None] * 3

    def run(seed):
        results[seed] = gradients(60, seed)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=run, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert results == expected
    assert f.stats["replays"] >= 360

"""Two threads at once, the GIL during long work, and threads that work at exit."""

import contextlib
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import chainrule as cr


def train(seed, steps=60):
    """A small network by hand; returns the bytes of its weights."""
    generator = cr.Generator().manual_seed(seed)
    x = cr.randn(64, 8, generator=generator)
    y = cr.randn(64, 1, generator=generator)
    w1 = cr.randn(8, 16, generator=generator).requires_grad_()
    w2 = cr.randn(16, 1, generator=generator).requires_grad_()
    for _ in range(steps):
        loss = ((cr.tanh(x @ w1) @ w2 - y) ** 2).mean()
        loss.backward()
        with cr.no_grad():
            for w in (w1, w2):
                w -= 0.01 * w.grad
                w.grad = None
    return bytes(w1.detach()) + bytes(w2.detach())


def run_threads(jobs):
    results, errors = {}, []

    def run(name, job):
        try:
            results[name] = job()
        except Exception as error:  # noqa: BLE001  # shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=run, args=item) for item in jobs.items()]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    return results


def test_threads_train_with_the_bits_of_one():
    alone = {seed: train(seed) for seed in range(4)}
    together = run_threads({seed: lambda seed=seed: train(seed) for seed in range(4)})
    assert together == alone


def test_modes_belong_to_their_thread():
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with cr.no_grad():
            inside.set()
            leave.wait(20)
            return cr.is_grad_enabled()

    def look():
        inside.wait(20)
        enabled = cr.is_grad_enabled()
        leave.set()
        return enabled

    assert run_threads({"hold": hold, "look": look}) == {"hold": False, "look": True}


def test_a_decorated_function_may_run_in_two_threads():
    barrier = threading.Barrier(2, timeout=20)

    @cr.no_grad()
    def inner():
        barrier.wait()
        off = not cr.is_grad_enabled()
        barrier.wait()
        return off

    def call():
        with cr.set_grad_enabled(threading.current_thread().name == "on"):
            return inner(), cr.is_grad_enabled()

    results = {}
    threads = [
        threading.Thread(target=lambda n=n: results.update({n: call()}), name=n)
        for n in ("on", "off")
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == {"on": (True, True), "off": (True, False)}


def multiplication():
    a = cr.ones(1500, 1500)
    return lambda: a @ a


def search():
    mask = cr.ones(4_000_000, dtype=cr.bool)
    return lambda: cr.nonzero(mask)


@pytest.mark.parametrize("make", [multiplication, search])
def test_long_work_lets_other_threads_run(make):
    """While one thread works, another counts; with the GIL held it would stand still."""
    call = make()
    done = threading.Event()

    def work():
        for _ in range(6):
            call()
        done.set()

    worker = threading.Thread(target=work)
    ticks = 0
    worker.start()
    while not done.is_set():
        time.sleep(0.001)
        ticks += 1
    worker.join()
    # Without the release the loop would wake about once per call.
    assert ticks > 12


@pytest.mark.parametrize("read", [lambda x, i: x.gather(0, i), lambda x, i: x[i[0]]])
def test_an_index_that_another_thread_changes_ends_in_an_error_or_not(read):
    x, index = cr.randn(300, 300), cr.zeros(300, 300, dtype=cr.int64)
    done = threading.Event()

    def change():
        while not done.is_set():
            index.fill_(2**40)
            index.fill_(0)

    worker = threading.Thread(target=change)
    worker.start()
    end = time.monotonic() + 0.7
    while time.monotonic() < end:
        with contextlib.suppress(IndexError):
            assert read(x, index).shape == (300, 300)
    done.set()
    worker.join()


def test_a_finalizer_waits_for_long_work_while_another_thread_waits_for_the_plan():
    """The replay drops an array whose finalizer changes sizes: both would wait for the other."""
    w, x = cr.ones(3, requires_grad=True), cr.zeros(2)
    finalized = []

    class Array(np.ndarray):
        def __del__(self):
            if armed:
                time.sleep(0.3)  # the other thread comes to the plan meanwhile
                x.data = cr.zeros(5)
                finalized.append(True)

    @cr.compile
    def step():
        w.grad = None
        return (w.detach() * 2).sum()

    def run():
        w.grad = cr.from_numpy(np.ones(3, "float32").view(Array))
        step()

    armed = False
    for _ in range(5):
        run()
    armed = True
    first = threading.Thread(target=run, daemon=True)
    second = threading.Thread(target=lambda: (time.sleep(0.1), step()), daemon=True)
    first.start()
    second.start()
    first.join(30)
    second.join(30)
    assert finalized == [True] and not first.is_alive() and not second.is_alive()
    assert x.shape == (5,)


def test_one_tensor_is_read_by_many_threads():
    x = cr.arange(1000.0)
    jobs = {i: lambda: [(x * 2).sum().item() for _ in range(200)] for i in range(4)}
    for sums in run_threads(jobs).values():
        assert sums == [999000.0] * 200


def test_wrapping_and_freeing_in_many_threads():
    def churn():
        for _ in range(300):
            y = cr.ones(3, requires_grad=True)
            z = [y * i for i in range(20)]
            sum(z).sum().backward()
            assert y.grad is y.grad
        return True

    assert all(run_threads(dict.fromkeys(range(4), churn)).values())


def test_hooks_run_in_the_thread_of_backward():
    def job():
        seen = []
        x = cr.ones(2, requires_grad=True)
        x.register_hook(lambda g: seen.append(threading.get_ident()))
        (x * 2).sum().backward()
        return seen == [threading.get_ident()]

    assert all(run_threads({0: job, 1: job}).values())


def test_a_thread_that_ends_with_the_interpreter():
    """Tensors, hooks and arrays that are alive at exit are no crash."""
    code = """
import threading, time
import chainrule as cr
import numpy as np
x = cr.from_numpy(np.ones(5)).requires_grad_()
x.register_hook(lambda g: print(x))
y = (x * 2).sum()
class F(cr.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a * 2
    @staticmethod
    def backward(ctx, g):
        return g
z = F.apply(x)
a = cr.ones(400, 400)
def spin():
    while True:
        a @ a
threading.Thread(target=spin, daemon=True).start()
time.sleep(0.1)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_threads_that_run_one_graph_backward():
    x = cr.ones(300, 300, requires_grad=True)
    results = []

    def run(y):
        try:
            y.sum().backward()
            results.append("ran")
        except cr.StateError:
            results.append("already run")

    for _ in range(20):
        y = x @ x @ x @ x
        threads = [threading.Thread(target=run, args=(y,)) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert len(results) == 60 and "ran" in results

"""Fork after use and while another thread works."""

import os
import subprocess
import sys

import pytest


def succeeds(code):
    """Runs a script in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_after_use():
    code = """
import os, sys
import chainrule as cr
a = cr.ones(600, 600)
before = (a @ a).sum().item()
pid = os.fork()
if pid == 0:
    ok = (a @ a).sum().item() == before and cr.get_num_threads() == 1
    w = cr.ones(3, requires_grad=True)
    (w * 2).sum().backward()
    ok = ok and w.grad.tolist() == [2, 2, 2]
    cr.set_num_threads(2)
    ok = ok and (a @ a).sum().item() == before
    os._exit(0 if ok else 1)
_, status = os.waitpid(pid, 0)
assert (a @ a).sum().item() == before
sys.exit(os.waitstatus_to_exitcode(status))
"""
    succeeds(code)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_count_what_other_threads_keep():
    code = """
import os, sys, threading
import chainrule as cr
ready, done = threading.Event(), threading.Event()
def other():
    x = [cr.ones(n) for n in (2000, 3000, 4000, 5000) for _ in range(50)]
    del x
    ready.set()
    done.wait()
thread = threading.Thread(target=other)
thread.start()
ready.wait()
pid = os.fork()
if pid == 0:
    cr._core._empty_cache()
    cached = cr._core._memory_stats()["cached"]
    os._exit(0 if cached < 300_000 else 1)
_, status = os.waitpid(pid, 0)
done.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(status))
"""
    succeeds(code)


FORKS_WHILE = """
import os, signal, sys, threading, time
import chainrule as cr
w = cr.randn(500, 500)
fn = cr.compile(lambda x: x @ w)
x = cr.randn(500, 500)
def work():
    with cr.no_grad():
        while True:
            {work}
def child():
    signal.alarm(20)
    with cr.no_grad():
        {child}
    os._exit(0)
with cr.no_grad():
    for _ in range(3):
        fn(x)
threading.Thread(target=work, daemon=True).start()
for i in range(20):
    time.sleep(0.003 + 0.0007 * i)
    pid = os.fork()
    if pid == 0:
        child()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        sys.stderr.write("the child ended with %d" % status)
        os._exit(1)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize(
    ("work", "child"),
    [
        ("x @ w", "cr.nn.Linear(2, 2).double()"),
        ("fn(x)", "fn(x); fn(x)"),
        ("with cr._plans._lock: time.sleep(1)", "fn(x[:9]); fn(x); fn.plans"),
    ],
    ids=["product", "replay", "plans"],
)
def test_fork_while_another_thread_works(work, child):
    """What that thread had under way or locked is nothing that a child waits for."""
    succeeds(FORKS_WHILE.format(work=work, child=child))

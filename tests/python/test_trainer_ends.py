"""Trainer.fit with its step captured: interrupts, errors, and memory that is somebody's."""

import signal
import threading

import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.utils.data import Subset, TensorDataset
from trainers import blobs, both, check_that_data_stay, classifier, network, weights


def test_a_keyboard_interrupt_in_a_callback(monkeypatch, taken):
    monkeypatch.setattr("chainrule._trainer._PROGRESS_SECONDS", 2e-4)

    class Interrupt(cr.Callback):
        def on_progress(self, trainer, progress):
            if progress["epoch"] == 3 and progress["samples"] >= 40:
                raise KeyboardInterrupt

    captured, eager = both(
        lambda **options: classifier(callbacks=[Interrupt()], **options),
        lambda t: t.fit(blobs(), epochs=9, batch_size=8, shuffle=False),
    )
    assert captured[0][:2] == eager[0][:2]
    assert len(captured[0][0]) == 2


def endless():
    """An epoch of many seconds."""
    return TensorDataset(cr.zeros(5_000_000, 2), cr.zeros(5_000_000, dtype=cr.int64))


def test_ctrl_c_is_seen_natively(monkeypatch):
    monkeypatch.setattr("chainrule._trainer._PROGRESS_SECONDS", 3600.0)

    def interrupt(*_):
        raise KeyboardInterrupt

    trainer = classifier()
    data, before = endless(), weights(trainer.model)
    known = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        history = trainer.fit(data, epochs=1, batch_size=2, shuffle=False)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, known)
    assert history.stopped == "interrupted"
    assert len(history) == history.best_epoch == 0
    assert weights(trainer.model) != before  # of the last step


def test_other_threads_run_meanwhile(monkeypatch):
    monkeypatch.setattr("chainrule._trainer._PROGRESS_SECONDS", 3600.0)
    known = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    main = threading.get_ident()

    def end():
        for _ in range(10_000):  # every turn needs the lock of Python
            started.wait(0)
        signal.pthread_kill(main, signal.SIGUSR1)

    started = threading.Event()
    thread = threading.Timer(0.3, end)
    try:
        thread.start()
        assert classifier().fit(endless(), epochs=1, batch_size=2).stopped == "interrupted"
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, known)


@pytest.mark.parametrize("where", [3, 50, 88])
def test_a_loss_that_is_not_finite(taken, where):
    x, y = blobs()
    x = x.clone()
    x[where, 1] = float("nan")

    def fit(trainer):
        trainer.optimizer.step()  # no gradients, no state
        cr.manual_seed(3)
        trainer.fit((x, y), epochs=3, batch_size=4, shuffle=False)

    captured, eager = both(lambda **options: classifier(network(dropout=0.5), **options), fit)
    assert captured == eager
    assert f"got nan in epoch 1 in batch {where // 4 + 1}." in captured[0]
    assert "nan" not in str(captured[1:])


def test_a_replay_of_a_loss_that_is_not_finite_changes_nothing():
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    @cr.compile
    def step(x):
        optimizer.zero_grad()
        loss = model(x).mean()
        checked = cr._core._ops.require_finite(loss.detach())
        loss.backward()
        optimizer.step()
        return checked

    for _ in range(4):
        step(cr.ones(3, 2))
    before = weights(model), [s["momentum_buffer"].tolist() for s in optimizer.state.values()]
    assert step.stats["replays"] > 0
    for bad in (float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"\[require_finite\] expected a finite number"):
            step(cr.full((3, 2), bad))
    after = weights(model), [s["momentum_buffer"].tolist() for s in optimizer.state.values()]
    assert after == before


def test_a_label_out_of_range(taken):
    x, y = blobs()
    y = y.clone()
    y[70] = 3
    captured, eager = both(
        classifier, lambda t: t.fit((x, y), epochs=3, batch_size=4, shuffle=False)
    )
    assert captured == eager
    assert "expected" in captured[0] and "got 3" in captured[0]
    assert sum(taken) > 5


def test_rows_that_are_not_there(taken):
    rows = [*range(60), 90, *range(30)]
    captured, eager = both(
        classifier,
        lambda t: t.fit(Subset(TensorDataset(*blobs()), rows), batch_size=4, shuffle=False),
    )
    assert captured == eager
    assert "got 90" in captured[0]
    assert sum(taken) > 5


# ---- memory, and what is asked for wrongly


def test_a_batch_that_somebody_keeps_stays_as_it_is(taken):
    kept = []

    def keep(outputs, targets):
        kept.append((outputs, targets))
        return nn.functional.cross_entropy(outputs, targets)

    x, y = blobs()
    trainer = classifier()
    trainer.loss = keep
    trainer.fit((x, y), epochs=2, batch_size=10, shuffle=False)
    assert sum(taken) > 5
    assert 0 < len(kept) < 9
    assert [t.tolist() for _, t in kept[:3]] == [y[a : a + 10].tolist() for a in (0, 10, 20)]


@pytest.mark.parametrize("shuffle", [True, False])
def test_data_stay_as_they_are(shuffle):
    check_that_data_stay(*blobs(), shuffle)


@pytest.mark.parametrize(
    "options", [{"scale": "1/255"}, {"scale": True}, {"scale": cr.tensor(2.0)}, {"compile": 1}]
)
def test_bad_options(options):
    with pytest.raises(TypeError, match=rf"^\[Trainer\] expected {next(iter(options))} "):
        classifier(**options)


def test_native_batches_refuse_what_they_cannot_read():
    run, fast = cr._core._replay_batches, cr._core._FastCall()
    x, sums = cr.ones(4, 2), [0.0]
    assert run(fast, [x], None, 0, 4, 2, sums, 1.0) == (0, [0.0])
    with pytest.raises(TypeError, match="expected a _FastCall"):
        run(x, [x], None, 0, 4, 2, sums, 1.0)
    for tensors, order in (([cr.ones(())], None), ([x], cr.ones(4)), ([x], cr.zeros(2, 2).long())):
        with pytest.raises(cr.ShapeError, match=r"^\[fit\] expected "):
            run(fast, tensors, order, 0, 4, 2, sums, 1.0)
    double = cr.compile(lambda t: (t.sum(),))
    for _ in range(4):
        double(cr.ones(2, 2))
    known = double._fast
    assert run(known, [x], None, 0, 4, 2, sums, 1.0) == (2, [16.0])
    for begin, end, size in ((-2, 4, 2), (0, 4, 0), (0, 4, 3), (3, 9, 2), (0, 4, -1)):
        assert run(known, [x], None, begin, end, size, sums, 1.0) == (0, sums)
    assert run(known, [x], None, 0, 99, 2, sums, 1.0)[0] == 2
    assert run(known, [x], cr.tensor([3, 0, 4, 1]), 0, 4, 2, sums, 1.0) == (1, [8.0])
    assert run(known, [x, x], None, 0, 4, 2, sums, 1.0)[0] == 0
    assert run(known, [x], None, 0, 4, 2, [], 1.0)[0] == 0
    for results in (lambda t: (t,), lambda t: (t[:0],), lambda t: [t.sum(), t]):
        several = cr.compile(results)
        for _ in range(4):
            several(cr.ones(2, 2))
        count = len(several(cr.ones(2, 2)))
        assert run(several._fast, [x], None, 0, 4, 2, [0.0] * count, 1.0)[0] == 0

"""Trainer.fit while another thread writes what it reads."""

import contextlib
import threading
import time

import chainrule as cr
from chainrule.utils.data import DataLoader, Subset, TensorDataset


def test_row_numbers_that_another_thread_changes_end_in_an_error_or_not():
    """Batches that are taken natively: a number is looked at and used as it was at one time."""
    x, y = cr.randn(6144, 1000), cr.zeros(6144, dtype=cr.int64)
    index, good = cr.arange(6144), cr.arange(6144)
    loader = DataLoader(Subset(TensorDataset(x, y), index), batch_size=512)
    net = cr.nn.Linear(1000, 2)
    trainer = cr.Trainer(net, cr.nn.CrossEntropyLoss(), cr.optim.SGD(net.parameters(), lr=0.1))
    trainer.fit(loader, epochs=3)
    done = threading.Event()

    def change():
        while not done.is_set():
            index.fill_(2**40)
            time.sleep(0.0003)
            index.copy_(good)
            time.sleep(0.02)  # so that some batches follow each other without an error

    worker = threading.Thread(target=change)
    worker.start()
    try:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            with contextlib.suppress(IndexError):
                trainer.fit(loader, epochs=4)
            time.sleep(0.001)
    finally:
        done.set()
        worker.join()
    trainer.fit(loader, epochs=1)

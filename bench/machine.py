"""The machine's limits beside the figures: multiply-add peak, round trip between two processors,
and a loop that only moves memory.

They are compiled here with the system's C++ compiler ($CXX, else c++), the first two from
bench/cpp, so that a Python benchmark divides by the same peak as the C++ ones, measured in the same
rounds.
"""

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.harness import Samples

TURNS = 1_000_000  # in one call: about 5 ms, beside which starting a thread is nothing


@functools.cache
def library():
    """The compiled helper, or None after a line that says what is missing."""
    compiler = os.environ.get("CXX") or "c++"
    if not shutil.which(compiler):
        print(f"no share of the peak, no round trip: there is no C++ compiler {compiler!r}")
        return None
    source = Path(__file__).with_name("machine.cpp")
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "machine.so"
        command = [compiler, "-std=c++20", "-O2", "-shared", "-fPIC", "-pthread"]
        subprocess.run([*command, str(source), "-o", str(built)], check=True)
        loaded = ctypes.CDLL(str(built))
    loaded.machine_operations.restype = ctypes.c_double
    loaded.machine_operations.argtypes = [ctypes.c_char_p]
    loaded.machine_run.restype = None
    loaded.machine_run.argtypes = [ctypes.c_char_p, ctypes.c_longlong, ctypes.c_int]
    loaded.machine_stream.restype = None
    loaded.machine_stream.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong]
    loaded.machine_round_trip.restype = ctypes.c_double
    loaded.machine_round_trip.argtypes = [ctypes.c_int]
    return loaded


class Peak:
    """A candidate for `interleaved`, and the share that another one has of it."""

    def __init__(self, threads):
        import chainrule

        self._isa = chainrule.config.isa().encode()
        self._threads = threads
        found = library()
        self.operations = found.machine_operations(self._isa) * TURNS * threads if found else 0
        if found and not self.operations:
            print(
                f"no share of the peak: there is no loop for instruction set {self._isa.decode()}"
            )

    def candidate(self):
        """{name: function} to merge into the candidates; empty where nothing can be measured."""
        return {"peak": self._run} if self.operations else {}

    def _run(self):
        library().machine_run(self._isa, TURNS, self._threads)

    def rate(self, timings):
        """Operations a second of all threads, as Samples; None without a peak."""
        if "peak" not in timings:
            return None
        return Samples(self.operations / t for t in timings["peak"].values)

    def share(self, timings, name, flops):
        rate = self.rate(timings)
        return rate and Samples(flops / t for t in timings[name].values).per(rate)


def stream(arrays):
    """A function that reads these float32 arrays once and writes all but the last; None without a
    compiler. One thread."""
    found = library()
    if found is None:
        return None
    size = arrays[0].size
    pointers = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
    assert 2 <= len(arrays) <= 5
    assert all(a.dtype == "float32" and a.flags.c_contiguous and a.size == size for a in arrays)
    return lambda: found.machine_stream(pointers, len(arrays), size)


def round_trip(bursts=9, trips=2000):
    """Seconds for a cache line to go to the second processor and back; None on one processor."""
    if library() is None or len(os.sched_getaffinity(0)) < 2:
        return None
    return Samples(library().machine_round_trip(trips) for _ in range(bursts))


def note_round_trip(record):
    """The same beside the figures of a benchmark on two threads."""
    trip = round_trip() if record.threads > 1 else None
    if trip:
        print(f"round trip between the processors  {trip}")
        record.add("machine", "round trip", trip)

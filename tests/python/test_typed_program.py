"""What type checkers are told: the program that pyright reads also runs, and names that modules
take from the native one stand in their text."""

import re
from pathlib import Path

import pytest

import chainrule as cr
import typed_program


def test_the_program_that_pyright_reads_runs(tmp_path):
    assert typed_program.main(tmp_path, epochs=20) > 0.8


@pytest.mark.parametrize(
    ("module", "native"),
    [
        (cr.linalg, [name for name in vars(cr._core._linalg) if name[0] != "_"]),
        (cr.return_types, list(cr._core._return_types())),
    ],
)
def test_native_names_are_written_out(module, native):
    written = re.findall(r"^ *(\w+) = _", Path(module.__file__).read_text(), re.MULTILINE)
    assert sorted(written) == sorted(native)
    assert all(callable(getattr(module, name)) for name in native)

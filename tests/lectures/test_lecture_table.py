"""docs/lectures.md: every row names what works, a deck there is, and a test that exists."""

import functools
import re
from pathlib import Path

import pytest

import chainrule
from chainrule import nn, optim

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "docs" / "lectures.md").read_text(encoding="utf-8")
DECKS = set(re.findall(r"^\| `(\d{3}_\w+\.txt)` \|", TEXT, re.MULTILINE))
PLACES = (chainrule, nn, nn.functional, optim, chainrule.Tensor, nn.Module, optim.Optimizer)


def rows():
    """(item, decks, names, tests) of the tables after the one of the decks."""
    for line in TEXT.partition("\n## ")[2].splitlines():
        cells = re.split(r"(?<!\\) \| ", line.strip("| ")) if line.startswith("| ") else []
        if len(cells) == 4 and cells[3] != "Test":
            yield cells


ROWS = list(rows())


def resolves(name):
    for place in PLACES:
        try:
            functools.reduce(getattr, name.split("."), place)
        except AttributeError:
            continue
        return True
    return False


def is_setting(name):
    return any(f"{name}:" in (getattr(optim, kind).__doc__ or "") for kind in optim.__all__)


def test_the_table_is_read_whole():
    assert len(DECKS) == 5
    assert len(ROWS) > 50
    assert resolves("nn.Linear") and resolves("half_mse_loss") and not resolves("nn.NoSuchLayer")
    assert is_setting("weight_decay") and not is_setting("no_such_setting")


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row(row):
    _, decks, here, tests = row
    named = re.findall(r"`([^`]+)`", decks)
    assert named and set(named) <= DECKS
    codes = [
        re.match(r"(chainrule)?\.?([\w.]+)(=?)", code) for code in re.findall(r"`([^`]+)`", here)
    ]
    names = [code[2] for code in codes if not code[3]]
    missing = [name for name in names if not resolves(name) and not is_setting(name)]
    assert not missing
    assert codes or here == "the same"
    proofs = re.findall(r"`(tests/[^`]+)::(\w+)`", tests)
    assert proofs
    for file, test in proofs:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), (file, test)

"""Contract of errors, read in the sources: "[op] expected ...; got ....", in C++ and in Python."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CPP = sorted([*(ROOT / "cpp").rglob("*.cpp"), *(ROOT / "cpp").rglob("*.h")])
# Not the command line and what reads files: their messages begin with an option or a path.
FILES = {"_main", "_options", "_fashion_mnist", "_mlp", "_plots", "_progress", "_run", "_table"}
PYTHON = [p for p in (ROOT / "python").rglob("*.py") if p.stem not in FILES]
ERRORS = {"TypeError", "ValueError", "IndexError", "KeyError", "RuntimeError", "ShapeError"}
ERRORS |= {"DtypeError", "StateError", "CaptureError", "GradcheckError"}
STRING = r'"((?:[^"\\]|\\.)*)"'


def cpp_messages(text):
    """Line and joined string literals of every error that is thrown with a text."""
    starts = r"\bfail<(?!E>)\w+>\(|throw (?!Internal)\w+(?:Error|Memory)\("
    for match in re.finditer(starts, text):
        depth, end = 1, match.end()
        while depth:
            string = re.compile(STRING).match(text, end)
            if string:
                end = string.end()
                continue
            depth += (text[end] == "(") - (text[end] == ")")
            end += 1
        if literals := re.findall(STRING, text[match.start() : end]):
            yield text.count("\n", 0, match.start()) + 1, "".join(literals)


def python_messages(text):
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
            continue
        if ast.unparse(node.exc.func).rpartition(".")[2] not in ERRORS or not node.exc.args:
            continue
        message = node.exc.args[0]
        parts = message.values if isinstance(message, ast.JoinedStr) else [message]
        if any(isinstance(part, ast.Constant) for part in parts):
            yield (
                node.lineno,
                "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts),
            )


def misfits(messages):
    # A path of a file may stand where the operation does: "[load] {}: ...".
    return [
        (line, text)
        for line, text in messages
        if not ("expected" in text and "; got" in text) and not text.startswith("[load] {}: ")
    ]


@pytest.mark.parametrize("path", CPP, ids=lambda p: str(p.relative_to(ROOT)))
def test_errors_of_cpp(path):
    assert not misfits(cpp_messages(path.read_text()))


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: str(p.relative_to(ROOT)))
def test_errors_of_python(path):
    assert not misfits(python_messages(path.read_text()))


def test_the_reader_sees_messages():
    text = 'fail<ShapeError>(f(")"), "expected a; g",\n "ot ", x, ")."); throw StateError("[a] b");'
    assert [t for _, t in cpp_messages(text)] == [")expected a; got ).", "[a] b"]
    found = list(python_messages('raise cr.ShapeError(f"[{x}] no")'))
    assert found == [(1, "[{}] no")] and misfits(found) == found
    assert sum(len(list(cpp_messages(p.read_text()))) for p in CPP) > 150
    assert sum(len(list(python_messages(p.read_text()))) for p in PYTHON) > 100

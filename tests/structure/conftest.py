"""What the structure tests share: the checkout they read, and its benchmarks."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def repository_files(root):
    """Every file that belongs to the project: what git tracks, or all of an unpacked archive."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False
    )
    if listed.returncode == 0 and listed.stdout:
        paths = [root / name for name in listed.stdout.split("\0") if name]
        return [path for path in paths if path.is_file()]
    skipped = {".git", ".venv", "build", "dist", "__pycache__"}
    return [
        path
        for path in root.rglob("*")
        if path.is_file() and not skipped.intersection(path.relative_to(root).parts)
    ]


@pytest.fixture
def bench(root, monkeypatch):
    """Imports a module of bench."""
    monkeypatch.syspath_prepend(str(root))
    threads = chainrule.get_num_threads()
    yield lambda name: importlib.import_module(f"bench.{name}")
    chainrule.set_num_threads(threads)


@pytest.fixture
def run(root):
    """Runs `python -m bench...` and gives what it printed."""

    def run(*words, status=0):
        done = subprocess.run(
            [sys.executable, "-m", *map(str, words)],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run

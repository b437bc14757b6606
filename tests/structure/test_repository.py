"""Rules for the files of the repository, and README.md's example."""

import re
import subprocess
import sys

# written so that this file does not match itself
MACHINE_PATH = re.compile(r"(?<![\w.~}])/(?:work|opt|root|home|Users)/\w|[A-Z]:\\Users")


def test_pattern_knows_a_machine_path():
    assert MACHINE_PATH.search("see /" + "home/someone/file")
    assert not MACHINE_PATH.search("in /usr/share/datasets and bench/work/x")


def test_no_file_names_a_path_of_one_machine(root, repository_files):
    found = []
    for path in repository_files:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # pictures and other binary data
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line):
                found.append(f"{path.relative_to(root)}:{number}: {line.strip()[:80]}")
    assert not found, "\n".join(found)


def fenced(root, language):
    text = (root / "README.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_readme_starts_with_the_two_commands(root):
    train, test = fenced(root, "sh")[:2]
    assert "chainrule train digits" in train
    assert "pytest" in test
    assert all(".venv" in block and "pip install" in block for block in (train, test))


def test_readme_example_learns(root, tmp_path):
    (example,) = fenced(root, "python")
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    error = float(re.fullmatch(r"mean squared error (\S+)\n", done.stdout)[1])
    assert error < 0.01


def test_every_chosen_difference_names_a_test_that_exists(root):
    text = (root / "docs" / "divergences.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    for row in rows:
        path, name = re.search(r"`(tests/[\w/]+\.py)::(\w+)` \|$", row).groups()
        assert f"\ndef {name}(" in (root / path).read_text(), f"{path} has no {name}"

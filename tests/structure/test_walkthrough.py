"""cpp/README.md's "Add an operation", taken step by step on a copy of the sources.

A step names a file and, after "below", a line of it, and shows the code that goes under that line.
"""

import ast
import os
import re
import shutil
import subprocess
import sys

import pytest

STEP = re.compile(
    r"^\d\. \*\*[^*]+\*\*, in `([^`]+)`, below `([^`]+)`:.*?^   ```(\w+)\n(.*?)^   ```$",
    re.MULTILINE | re.DOTALL,
)
COMPILED = (
    "cpp/ops/activation.cpp",
    "cpp/kernels/reference/maths.cpp",
    "cpp/kernels/cpu/elementwise.cpp",
)


def steps_of(readme):
    """[(file, the line above, language, code)]"""
    text = readme.split("## Add an operation")[1]
    found = STEP.findall(text)
    assert len(found) == len(re.findall(r"^\d\. ", text, re.MULTILINE)) == 5, "a step has no code"
    return [
        (file, line, language, re.sub(r"^   ", "", code, flags=re.MULTILINE))
        for file, line, language, code in found
    ]


def insert(tree, file, line, code):
    path = tree / file
    assert path.is_file(), f"the walkthrough names {file}, which is not there"
    lines = path.read_text().splitlines(keepends=True)
    places = [i for i, text in enumerate(lines) if " ".join(text.split()) == line]
    assert len(places) == 1, f"{file} has {len(places)} lines {line!r}"
    lines.insert(places[0] + 1, code)
    path.write_text("".join(lines))


def generate(tree):
    out = tree / "made" / "generated"
    done = subprocess.run(
        [sys.executable, str(tree / "cpp" / "ops" / "generate.py"), str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def tree(root, tmp_path_factory):
    """The sources with the walkthrough's operation in them."""
    made = tmp_path_factory.mktemp("walkthrough")
    shutil.copytree(root / "cpp", made / "cpp")
    (made / "tests").mkdir()
    shutil.copy(root / "tests" / "op_cases.py", made / "tests")
    before = generate(made)
    assert "Cube" not in (before / "registry.cpp").read_text(), "the example exists: take another"
    for file, line, _, code in steps_of((root / "cpp" / "README.md").read_text()):
        insert(made, file, line, code)
    generate(made)
    return made


def test_the_table_has_the_operation(tree):
    made = tree / "made" / "generated"
    header = (made / "ops.h").read_text()
    assert "Tensor cube(const Tensor& input);" in header
    assert "Tensor cube_backward(const Tensor& dy, const Tensor& x);" in header
    registry = (made / "registry.cpp").read_text()
    for entry in ("&ops::kCube,", "&kCubeSchema,", "&ops::kCubeBackward,", "&kCubeBackwardSchema,"):
        assert entry in registry
    assert 'R"(cube(Tensor input) -> Tensor)"' in registry


@pytest.mark.parametrize("file", COMPILED)
def test_it_compiles(tree, file):
    compiler = shutil.which(os.environ.get("CXX", "c++")) or shutil.which("g++")
    if not compiler:
        pytest.skip("no C++ compiler")
    command = [
        compiler,
        "-std=c++20",
        "-fsyntax-only",
        "-DCHAINRULE_ISA_NAME=generic",
        f"-I{tree}/cpp",
        f"-I{tree}/made",
    ]
    done = subprocess.run([*command, str(tree / file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def test_the_case_is_one_of_the_list(tree):
    module = ast.parse((tree / "tests" / "op_cases.py").read_text())
    names = {a.name for node in module.body if isinstance(node, ast.ImportFrom) for a in node.names}
    (cases,) = (
        node.value
        for node in module.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "ACTIVATIONS"
    )
    added = next(c for c in cases.elts if ast.unparse(c.args[0]) == "'nn.functional.cube'")
    assert added.func.id in names


def test_a_walkthrough_that_names_what_is_not_there_fails(root, tmp_path):
    shutil.copytree(root / "cpp" / "kernels", tmp_path / "cpp" / "kernels")
    with pytest.raises(AssertionError, match="which is not there"):
        insert(tmp_path, "cpp/kernels/functions.h", "// ---- Real-valued maths.", "")
    with pytest.raises(AssertionError, match="0 lines"):
        insert(tmp_path, "cpp/kernels/functors.h", "// ---- Complex maths.", "")

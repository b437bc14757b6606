"""The kernel objects are sealed per instruction set, and really use theirs.

Objects of several instruction sets are linked together. A weak symbol (an inline function, a
template) that two of them define is kept once, so an AVX-512 body may end up serving a processor
without it. And dispatch whose AVX2 path is scalar code passes every test of values. Both are only
visible in the objects, so these tests read them with nm and objdump.
"""

import platform
import re
import shutil
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="one kernel object per file here"),
    pytest.mark.skipif(not shutil.which("nm"), reason="nm is missing: install binutils"),
    pytest.mark.skipif(not shutil.which("objdump"), reason="objdump is missing: install binutils"),
]
LEVELS = ("v2", "v3", "v4")
DOTS = "v4_bf16"  # beside v4: products of bfloat16 alone
SEALED = (*LEVELS, DOTS)
# Data that every object with exception tables carries: the same pointer in all of them.
HARMLESS = {"DW.ref.__gxx_personality_v0"}


def object_files(tree, target):
    return sorted(tree.glob(f"CMakeFiles/{target}.dir/**/*.o"))


def is_current(tree, sources):
    """Whether a build tree holds one object a source and level, none older than any source."""
    newest = max(path.stat().st_mtime for path in sources)
    for level in SEALED:
        folder = "cpp/kernels/cpu/bf16" if level == DOTS else "cpp/kernels/cpu"
        expected = sum(path.match(f"{folder}/*.cpp") for path in sources)
        objects = object_files(tree, f"chainrule_kernels_{level}")
        if len(objects) != expected or min(o.stat().st_mtime for o in objects) < newest:
            return False
    return True


@pytest.fixture(scope="module")
def build_tree(root, tmp_path_factory):
    """A build tree of the present sources: one under build/, else one made for this test."""
    sources = [p for p in (root / "cpp" / "kernels").rglob("*") if p.suffix in {".h", ".cpp"}]
    assert any(path.match("cpp/kernels/cpu/*.cpp") for path in sources), "no vector kernels"
    for directory in sorted((root / "build").glob("**/CMakeFiles/chainrule_kernels_v4.dir")):
        tree = directory.parents[1]
        if is_current(tree, sources) and "CHAINRULE_SANITIZE:STRING=\n" in (
            (tree / "CMakeCache.txt").read_text()
        ):
            return tree
    # pip brings the build's requirements, Eigen among them, into an environment of their own
    made = tmp_path_factory.mktemp("kernels")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", f"-Cbuild-dir={made}/tree"]
    built = subprocess.run(
        [*command, "-w", str(made), str(root)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr[-4000:]
    return made / "tree"


def defined(path, kinds):
    """The symbols of the given nm kinds that an object defines."""
    out = subprocess.run(
        ["nm", "--defined-only", str(path)], capture_output=True, text=True, check=True
    ).stdout
    rows = (line.split(maxsplit=2) for line in out.splitlines())
    return {row[2] for row in rows if len(row) == 3 and row[1] in kinds}


@pytest.mark.parametrize("level", SEALED)
def test_no_symbol_is_shared_between_levels(build_tree, level):
    """Every symbol the linker may merge or bind carries its level's name."""
    for path in object_files(build_tree, f"chainrule_kernels_{level}"):
        shared = {s for s in defined(path, "WVuTDBRC") if f"_{level}" not in s} - HARMLESS
        assert not shared, f"{path.name}: put these into an anonymous namespace: {sorted(shared)}"


def test_levels_share_no_weak_symbol_with_any_object(build_tree):
    """The same, without trusting names: no weak symbol of a level is defined anywhere else."""
    weak_of = {
        level: set().union(
            *(defined(p, "WVu") for p in object_files(build_tree, f"chainrule_kernels_{level}"))
        )
        for level in SEALED
    }
    targets = ("chainrule_core", "chainrule_kernels_baseline", "_core")
    others = [p for target in targets for p in object_files(build_tree, target)]
    weak_of["the rest"] = set().union(*(defined(path, "WVuT") for path in others))
    for level in SEALED:
        for other, symbols in weak_of.items():
            if other != level:
                shared = (weak_of[level] & symbols) - HARMLESS
                assert not shared, f"{level} and {other} both define {sorted(shared)}"


def test_the_baseline_has_a_copy_of_eigen_of_its_own(build_tree):
    """A program that links the core library may use Eigen with other flags."""
    for path in object_files(build_tree, "chainrule_kernels_baseline"):
        shared = {s for s in defined(path, "WVu") if "5Eigen" in s}
        assert not shared, f"{path.name}: {sorted(shared)[:5]}"


def test_kernels_do_not_allocate(build_tree):
    targets = ("chainrule_kernels_baseline", *(f"chainrule_kernels_{v}" for v in SEALED))
    for path in (p for target in targets for p in object_files(build_tree, target)):
        calls = subprocess.run(
            ["nm", "--undefined-only", "--format=just-symbols", str(path)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        found = [s for s in calls if re.fullmatch(r"\w*(m|c|re)alloc|free|_Zn[aw]\w+", s)]
        assert not found, f"{path.name} calls {found}"


def vector_registers(path):
    """How often an object's code names registers of 512 and of 256 bits."""
    out = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return len(re.findall(r"%zmm", out)), len(re.findall(r"%ymm", out))


def test_each_level_uses_its_own_registers(build_tree):
    for v2, v3, v4 in zip(
        *(object_files(build_tree, f"chainrule_kernels_{level}") for level in LEVELS), strict=True
    ):
        assert vector_registers(v2) == (0, 0), f"{v2.name} at v2 needs more than SSE4.2"
        zmm, ymm = vector_registers(v3)
        assert zmm == 0, f"{v3.name} at v3 needs AVX-512"
        assert ymm > 0, f"{v3.name} at v3 has no 256-bit code"
        assert vector_registers(v4)[0] > 0, f"{v4.name} at v4 has no 512-bit code"


def test_dot_instructions_are_in_their_own_objects(build_tree):
    """A processor of level v4 need not have them."""
    for level in SEALED:
        code = [
            subprocess.run(
                ["objdump", "-d", str(path)], capture_output=True, text=True, check=True
            ).stdout
            for path in object_files(build_tree, f"chainrule_kernels_{level}")
        ]
        assert any("vdpbf16ps" in text for text in code) == (level == DOTS), level


def loops_of(path, functors):
    """Per functor the instructions of each of its flat loops (kernels/padded_loop.h)."""
    out = subprocess.run(
        ["objdump", "-dw", "--no-show-raw-insn", str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    bodies = re.findall(
        r"^[0-9a-f]+ <(\S*flat_(?:unary|binary)\S*)>:\n((?:.+\n)*)", out, re.MULTILINE
    )
    # a mangled name holds its length: 4tanh is not in 13tanh_backward
    return {f: [body for name, body in bodies if f"{len(f)}{f}E" in name] for f in functors}


@pytest.mark.parametrize(("level", "register"), [("v3", "%ymm"), ("v4", "%zmm")])
def test_costly_loops_are_vector_code(root, build_tree, level, register):
    """No call is left in a loop over exp and its like, and its arithmetic is as wide as can be."""
    source = (root / "cpp" / "kernels" / "functors.h").read_text()
    functors = re.findall(r"^CHAINRULE_COSTLY[12]\((\w+)", source, re.MULTILINE)
    assert "exp" in functors
    objects = object_files(build_tree, f"chainrule_kernels_{level}")
    path = next(o for o in objects if o.name == "elementwise.cpp.o")
    for functor, bodies in loops_of(path, functors).items():
        assert len(bodies) >= 2, f"{functor}: expected a loop in float and in double"
        for body in bodies:
            assert "call" not in body, f"{functor} at {level} calls a function per element"
            wide = len(re.findall(register, body))
            assert wide >= 20, f"{functor} at {level}: {wide} uses of {register}"


def test_baseline_objects_need_no_extension(build_tree):
    for path in object_files(build_tree, "chainrule_kernels_baseline"):
        assert vector_registers(path) == (0, 0), f"{path.name} needs more than the baseline"

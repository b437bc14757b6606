"""The #include lines against what cpp/README.md states: the arrows between the folders of cpp/, the
doors of the kernels and the public headers.

Kernels know raw pointers and sizes, so of core only headers without tensors, memory or exceptions.

One thing has to see both ops/ and optim/: the list of all operations. It is generated
(generated/registry.cpp, written into the build folder by cpp/ops/generate.py), so it stands above
both and no file of cpp/ops names optim/. generated/ops.h declares functions over tensors and counts
as a header of ops/; generated/isa_levels.h names the kernel variants and belongs to the dispatcher.
chainrule.h, which belongs to no folder, is the public headers.
"""

import re
from pathlib import Path

import pytest

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
README = (Path(__file__).parents[2] / "cpp" / "README.md").read_text()
KERNEL_DOORS = set(re.search(r"two doors: `(.+)` and `(.+)`", README).groups())
MAY_INCLUDE = {
    folder: {folder, *re.findall(r"`(\w+)/`", others)}
    for folder, others in re.findall(r"^\| `(\w+)/` \|.*\|(.*)\|$", README, re.MULTILINE)
}
PUBLIC = set(
    re.findall(r"`([\w/]+\.h)`", re.search(r"Public headers:(.+?);", README, re.DOTALL)[1])
)
SEALED = ("kernels/cpu/", "kernels/common/", "kernels/reference/", "kernels/cuda/")
NOT_IN_KERNELS = {"core/tensor.h", "core/storage.h", "core/allocator.h", "core/errors.h"}


def layer_of(included):
    """The layer that a quoted include path belongs to."""
    if included == "generated/isa_levels.h":
        return "kernels"
    first = included.split("/")[0]
    return "ops" if first == "generated" else first


def violations(files):
    """files: {path below cpp/: text}. One sentence for each include against the arrows."""
    found = []
    for path, text in sorted(files.items()):
        layer = path.split("/")[0]
        for included in INCLUDE.findall(text):
            target = layer_of(included)
            if "/" not in included or target not in MAY_INCLUDE:
                found.append(f'{path}: "{included}" must be written from cpp/, as "core/tensor.h"')
            elif target not in MAY_INCLUDE[layer]:
                found.append(f'{path}: {layer} must not include "{included}"')
            elif target == "kernels" != layer and included not in KERNEL_DOORS:
                found.append(
                    f'{path}: {layer} reaches kernels through kernel_table.h, not "{included}"'
                )
            elif path.startswith(SEALED) and included in NOT_IN_KERNELS:
                found.append(f'{path}: kernels take raw pointers and never throw, not "{included}"')
    return found


def test_includes_follow_the_arrows(root):
    cpp = root / "cpp"
    files = {
        str(path.relative_to(cpp)): path.read_text()
        for path in cpp.glob("*/**/*")
        if path.suffix in {".h", ".cpp", ".cu"}
    }
    unknown = {path.split("/")[0] for path in files} - MAY_INCLUDE.keys()
    assert not unknown, f"no arrows are stated for {unknown}"
    assert MAY_INCLUDE.keys() <= {path.split("/")[0] for path in files}, "a layer has no sources"
    assert violations(files) == []


@pytest.mark.parametrize(
    ("path", "included"),
    [
        ("core/tensor.h", "ops/op.h"),
        ("kernels/cpu/exp.cpp", "ops/call.h"),
        ("kernels/cpu/exp.cpp", "core/tensor.h"),
        ("ops/unary.cpp", "autograd/tape.h"),
        ("ops/unary.cpp", "optim/sgd.h"),
        ("ops/unary.cpp", "kernels/functors.h"),
        ("autograd/tape.cpp", "graph/program.h"),
        ("optim/sgd.cpp", "autograd/tape.h"),
        ("graph/program.h", "bindings/tensor.h"),
        ("core/tensor.cpp", "tensor.h"),
    ],
)
def test_reversed_arrow_is_seen(path, included):
    assert len(violations({path: f'  #  include "{included}"\n'})) == 1


def test_allowed_arrow_is_not_reported():
    text = '#include <vector>\n#include "core/tensor.h"\n#include "kernels/kernel_table.h"\n'
    assert violations({"ops/unary.cpp": text}) == []


def test_chainrule_h_is_the_public_headers(root):
    assert {*INCLUDE.findall((root / "cpp" / "chainrule.h").read_text())} == PUBLIC - {
        "chainrule.h"
    }
    assert {path.name for path in (root / "cpp").glob("*.h")} == {"chainrule.h"}


def test_examples_need_the_public_headers_alone(root):
    examples = sorted((root / "bench" / "examples").glob("*.cpp"))
    assert examples and len(PUBLIC) >= 3
    for path in examples:
        assert set(INCLUDE.findall(path.read_text())) <= PUBLIC, path.name

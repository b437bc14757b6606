"""Names and exact values of nn.init beside PyTorch's."""

import pytest
import torch

import chainrule as cr


def test_names():
    names = {name for name in dir(torch.nn.init) if name.endswith("_") and name[0] != "_"}
    assert names <= {*cr.nn.init.__all__}


@pytest.mark.parametrize(
    ("shape", "groups"),
    [
        ((3, 3, 3), 1),
        ((4, 2, 5), 1),
        ((2, 4, 4), 2),
        ((6, 2, 3, 2), 3),
        ((4, 4, 1, 2, 3), 2),
        ((0, 3, 3), 1),
        ((3, 0, 3), 1),
    ],
)
def test_dirac(shape, groups):
    ours = cr.nn.init.dirac_(cr.nn.Parameter(cr.empty(shape)), groups)
    theirs = torch.nn.init.dirac_(torch.empty(shape), groups)
    assert ours.tolist() == theirs.tolist() and ours.requires_grad


def test_what_dirac_refuses():
    for lib in (cr, torch):
        for shape, groups in (((3, 3), 1), ((2,) * 6, 1), ((3, 2, 2), 2)):
            with pytest.raises(ValueError):
                lib.nn.init.dirac_(lib.empty(shape), groups)
    with pytest.raises(ValueError, match=r"\[dirac_\] expected groups >= 1 that divide 3; got 0"):
        cr.nn.init.dirac_(cr.empty(3, 2, 2), 0)
    with pytest.raises(TypeError, match="groups to be an int; got 1.0"):
        cr.nn.init.dirac_(cr.empty(3, 2, 2), 1.0)

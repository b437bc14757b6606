"""Functions written in Python say what they expected, as the native ones do."""

import pytest

import chainrule as cr
from chainrule.nn import functional, init, utils


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("uniform_", lambda x: init.uniform_(x)),
        ("normal_", lambda x: init.normal_(x)),
        ("constant_", lambda x: init.constant_(x, 1.0)),
        ("constant_", lambda x: init.ones_(x)),
        ("trunc_normal_", lambda x: init.trunc_normal_(x)),
        ("eye_", lambda x: init.eye_(x)),
        ("xavier_uniform_", lambda x: init.xavier_uniform_(x)),
        ("kaiming_normal_", lambda x: init.kaiming_normal_(x)),
        ("orthogonal_", lambda x: init.orthogonal_(x)),
        ("sparse_", lambda x: init.sparse_(x, 0.5)),
        ("relu", lambda x: functional.relu(x, inplace=True)),
        ("dropout", lambda x: functional.dropout(x, inplace=True)),
        ("silu", lambda x: functional.silu(x, inplace=True)),
        ("softmax", lambda x: functional.softmax(x)),
        ("log_softmax", lambda x: functional.log_softmax(x)),
        ("clip_grad_norm_", lambda x: utils.clip_grad_norm_([x], 1.0)),
        ("clip_grad_value_", lambda x: utils.clip_grad_value_([x], 1.0)),
        ("get_total_norm", lambda x: utils.get_total_norm([x])),
        ("clip_grads_with_norm_", lambda x: utils.clip_grads_with_norm_([x], 1.0, cr.ones(()))),
        ("parameters_to_vector", lambda x: utils.parameters_to_vector([x])),
        ("vector_to_parameters", lambda x: utils.vector_to_parameters(cr.ones(1), [x])),
        ("split", lambda x: cr.split(x, [1, 1])),
        ("unique", lambda x: cr.unique(x, dim=0)),
        ("meshgrid", lambda x: cr.meshgrid(x)),
        ("einsum", lambda x: cr.einsum("i->", x)),
        ("tensordot", lambda x: cr.tensordot(x, cr.ones(2))),
        ("tensordot", lambda x: cr.tensordot(cr.ones(2), x)),
    ],
)
@pytest.mark.parametrize("value", [3, "text", None, {"a": 1}], ids=["int", "str", "None", "dict"])
def test_a_value_that_is_no_tensor(name, call, value):
    with pytest.raises(TypeError, match=rf"^\[{name}\] expected a Tensor; got "):
        call(value)


@pytest.mark.parametrize("value", [3, None])
def test_neither_a_tensor_nor_tensors(value):
    for call in (utils.parameters_to_vector, utils.get_total_norm):
        with pytest.raises(TypeError, match=rf"^\[{call.__name__}\] expected a Tensor or tensors"):
            call(value)

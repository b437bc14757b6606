"""nn.utils.rnn: sequences of several lengths as one tensor and back; names that are absent."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn.utils import rnn

LENGTHS = (3, 1, 0, 2)


def sequences(dtype=cr.float64, *rest):
    return [cr.randn(n, *rest).to(dtype) for n in LENGTHS]


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("rest", [(), (2,), (2, 3)])
def test_padding_is_numpys(side, batch_first, rest):
    rows = sequences(cr.float64, *rest)
    want = np.full((4, 3, *rest), -1.5)
    for line, row in zip(want, rows, strict=True):
        line[slice(0, len(row)) if side == "right" else slice(3 - len(row), 3)] = row.numpy()
    got = rnn.pad_sequence(rows, batch_first, -1.5, side)
    np.testing.assert_array_equal(got.numpy(), want if batch_first else want.swapaxes(0, 1))


@pytest.mark.parametrize("dtype", [cr.float32, cr.bfloat16, cr.int64, cr.uint8, cr.bool])
@pytest.mark.parametrize("batch_first", [True, False])
def test_there_and_back(dtype, batch_first):
    rows = sequences(cr.float32, 2)
    rows = [(row > 0).to(dtype) for row in rows]
    padded = rnn.pad_sequence(iter(rows), batch_first=batch_first)
    shape = padded.shape
    back = rnn.unpad_sequence(padded, cr.tensor(LENGTHS), batch_first)
    assert padded.shape == shape and padded.dtype is dtype
    assert all(a.equal(b) and b.dtype is dtype for a, b in zip(rows, back, strict=True))
    before = padded.tolist()
    for row in back:
        row.fill_(1)
    assert padded.tolist() == before


def test_gradients_and_captured_steps():
    rows = [row.requires_grad_() for row in sequences(cr.float64, 2)]

    def f(*rows):
        padded = rnn.pad_sequence(rows, padding_side="left", padding_value=2.0)
        return (padded**3).sum()

    assert cr.autograd.gradcheck(f, tuple(rows)) and cr.autograd.gradgradcheck(f, tuple(rows))
    step = cr.compile(lambda *rows: cr.autograd.grad(f(*rows), rows))
    want = [3 * row.detach() ** 2 for row in rows]
    for _ in range(4):
        assert all(g.allclose(w) for g, w in zip(step(*rows), want, strict=True))


def test_rows_of_a_tensor_are_sequences():
    x = cr.arange(6).reshape(2, 3)
    assert rnn.pad_sequence(x, True).equal(x) and rnn.pad_sequence(x).equal(x.T)


A, PADDED = cr.ones(2, 3), cr.ones(3, 2)


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ValueError, "at least one sequence; got none", lambda: rnn.pad_sequence([])),
        (TypeError, "a Tensor; got int", lambda: rnn.pad_sequence([1])),
        (TypeError, "a Tensor or tensors; got int", lambda: rnn.pad_sequence(3)),
        (TypeError, "batch_first to be True or False; got 1", lambda: rnn.pad_sequence([A], 1)),
        (TypeError, "padding_value to be a number; got None", lambda: rnn.pad_sequence([A], False, None)),
        (ValueError, "'left' or 'right'; got 'up'", lambda: rnn.pad_sequence([A], padding_side="up")),
        (ValueError, r"equal sizes .* \(2, 3\) and \(1, 1\)", lambda: rnn.pad_sequence([A, cr.ones(1, 1)])),
        (ValueError, r"at least 1 dimension .* and \(\)", lambda: rnn.pad_sequence(cr.ones(2))),
        (TypeError, "one dtype; got .*float32 and .*int64", lambda: rnn.pad_sequence([A, A.long()])),
        (ValueError, "value that fits int64; got inf", lambda: rnn.pad_sequence([A.long(), A[:1].long()], True, math.inf)),
    ],
)  # fmt: skip
def test_what_pad_sequence_refuses(error, words, call):
    with pytest.raises(error, match=rf"^\[pad_sequence\] expected .*{words}"):
        call()


@pytest.mark.parametrize(
    ("error", "words", "lengths"),
    [
        (ValueError, r"lengths in \[0, 3\]; got 4", cr.tensor([1, 4])),
        (ValueError, r"lengths in \[0, 3\]; got -1", cr.tensor([-1, 3])),
        (TypeError, "integers as lengths; got .*float32", cr.tensor([1.0, 2.0])),
        (TypeError, "integers as lengths; got .*bool", cr.tensor([True, True])),
        (TypeError, "a Tensor; got list", [1, 2]),
        (ValueError, r"one length for each of 2 sequences; got shape \(3,\)", cr.tensor([1, 2, 3])),
        (ValueError, r"one length for each of 2 .* \(2, 1\)", cr.tensor([[1], [2]])),
    ],
)
def test_what_unpad_sequence_refuses(error, words, lengths):
    with pytest.raises(error, match=rf"^\[unpad_sequence\] expected .*{words}"):
        rnn.unpad_sequence(PADDED, lengths)


def test_unpad_sequence_wants_sequences():
    with pytest.raises(cr.ShapeError, match=r"at least 2 dimensions; got shape \(3,\)"):
        rnn.unpad_sequence(cr.ones(3), cr.tensor([1, 2, 3]))


@pytest.mark.parametrize(
    ("place", "name", "code"),
    [
        (nn.utils, "weight_norm", "nn.utils.parametrizations.weight_norm"),
        (nn.utils, "spectral_norm", "nn.utils.parametrizations.spectral_norm"),
        (nn.utils, "remove_weight_norm", "nn.utils.parametrize.remove_parametrizations"),
        (nn.utils, "remove_spectral_norm", "nn.utils.parametrize.remove_parametrizations"),
        (rnn, "pack_padded_sequence", "nn.utils.rnn.pad_sequence"),
        (nn, "Transformer", "nn.TransformerEncoder"),
    ],
)
def test_an_absent_name_tells_what_to_write(place, name, code):
    assert not hasattr(place, name)
    with pytest.raises(AttributeError) as caught:
        getattr(place, name)
    text = str(caught.value)
    assert text.startswith(f"module '{place.__name__}' has no attribute '{name}'. Write {code}")
    found = cr
    for part in code.split("."):
        found = getattr(found, part)
    assert callable(found)


def test_last_states_of_padded_sequences():
    both = nn.GRU(2, 3, batch_first=True, bidirectional=True)
    ahead, back = nn.GRU(2, 3, batch_first=True), nn.GRU(2, 3, batch_first=True)
    for name, own in ahead.state_dict().items():
        with cr.no_grad():
            own.copy_(both.state_dict()[name])
            back.state_dict()[name].copy_(both.state_dict()[f"{name}_reverse"])
    sequences = [cr.randn(n, 2) for n in (4, 1, 3)]
    lengths, B = cr.tensor([len(s) for s in sequences]), len(sequences)
    alone = cr.cat([both(s.unsqueeze(0))[1] for s in sequences], 1)  # (2, B, 3)
    for layer, own, direction in ((ahead, sequences, 0), (back, [s.flip(0) for s in sequences], 1)):
        output, h_n = layer(rnn.pad_sequence(own, batch_first=True))
        last = output[cr.arange(B), lengths - 1]
        assert cr.allclose(last, alone[direction], atol=1e-6)
        assert not cr.allclose(h_n[0], alone[direction], atol=1e-3)
    output, _ = both(rnn.pad_sequence(sequences, batch_first=True))
    assert not cr.allclose(output[cr.arange(B), 0, 3:], alone[1], atol=1e-3)
    with pytest.raises(
        AttributeError, match=r"output\[chainrule\.arange\(B\), lengths - 1\] in place"
    ):
        _ = rnn.pack_padded_sequence


def code_of(place, name):
    with pytest.raises(AttributeError) as caught:
        getattr(place, name)
    return str(caught.value).partition(". Write ")[2]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("Float", cr.float32),
        ("Double", cr.float64),
        ("Long", cr.int64),
        ("Int", cr.int32),
        ("Bool", cr.bool),
    ],
)
def test_the_code_for_a_type_of_tensor_runs(name, dtype):
    made = eval(code_of(cr, f"{name}Tensor").partition(" for ")[0], {"chainrule": cr, "x": [1, 0]})
    assert made.dtype == dtype and made.tolist() == [1, 0]


def test_the_code_for_a_transposed_convolution_is_the_gradient_of_one():
    code = code_of(nn, "ConvTranspose2d").partition(";")[0]
    assert code == code_of(nn.functional, "conv_transpose2d").partition(";")[0]
    cr.manual_seed(0)
    x, input = cr.randn(2, 3, 7, 9, requires_grad=True), cr.randn(2, 4, 4, 5)
    weight = cr.randn(4, 3, 3, 3)
    nn.functional.conv2d(x, weight, stride=2, padding=1).backward(input)
    settings = {"output_size": (7, 9), "kernel_size": 3, "stride": 2, "padding": 1}
    out = eval(code, {"nn": nn, "input": input, "weight": weight, **settings})
    assert out.allclose(x.grad, atol=1e-5)


def test_the_code_for_upsampling_repeats_the_nearest():
    text = code_of(nn, "Upsample")
    assert text == code_of(nn.functional, "interpolate")
    n, input = 3, cr.arange(12.0).reshape(1, 2, 2, 3)
    names = {"chainrule": cr, "n": n, "input": input}
    rows = text.partition("rows is ")[2].partition(" and ")[0]
    names["columns"] = eval(rows.replace("shape[2]", "shape[3]"), names)
    names["rows"] = eval(rows, names)
    out = eval(text.partition(";")[0], names)
    assert out.tolist() == input.numpy().repeat(n, 2).repeat(n, 3).tolist()


def test_names_that_nobody_has_have_no_hint():
    for place in (nn, nn.utils, rnn, cr.optim, cr):
        with pytest.raises(AttributeError, match="has no attribute 'nonsense'$"):
            _ = place.nonsense


def test_the_mask_of_a_transformer_is_written_out():
    with pytest.raises(AttributeError) as caught:
        _ = nn.Transformer.generate_square_subsequent_mask
    code = str(caught.value).partition("(n) is ")[2]
    mask = eval(code, {"chainrule": cr, "n": 3, "float": float})
    inf = math.inf
    assert mask.tolist() == [[0.0, -inf, -inf], [0.0, 0.0, -inf], [0.0, 0.0, 0.0]]

"""Trainer with `scale`: integers as inputs, converted and multiplied while a batch is gathered. What
it leaves is what a Trainer leaves that gets the scaled floats."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.utils.data import DataLoader, TensorDataset, default_collate
from trainers import both, check_that_data_stay, classifier, figures, network, weights

THIRD = 1 / 3  # no power of two, and not a float32


def integers(dtype="uint8", rows=61, features=2):
    rng = np.random.default_rng(0)
    high = 2 if dtype == "bool" else 256
    x = rng.integers(0, high, (rows, features)).astype(dtype)
    return cr.from_numpy(x), cr.from_numpy(rng.integers(0, 3, rows))


def of(features, dtype=cr.float32):
    cr.manual_seed(0)
    return nn.Sequential(nn.Linear(features, 8), nn.Tanh(), nn.Linear(8, 3)).to(dtype)


def fitted(x, y, model, shuffle=True, batch_size=8, **options):
    trainer = classifier(model, **options)
    cr.manual_seed(1)
    trainer.fit((x, y), (x[:17], y[:17]), epochs=4, batch_size=batch_size, shuffle=shuffle)
    return (
        figures(trainer.history),
        weights(trainer.model),
        trainer.evaluate((x, y)),
        trainer.predict(x).tolist(),
    )


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [4, 7, 61])  # 61 rows: one of them, five and none are left
@pytest.mark.parametrize("dtype", [cr.float32, cr.float64, cr.bfloat16])
def test_the_bits_of_scaled_floats(taken, dtype, batch_size, shuffle):
    x, y = integers()
    floats = x.to(dtype) * THIRD
    expected = fitted(floats, y, of(2, dtype), shuffle, batch_size, compile=False)
    assert not taken
    for compile in (True, False):
        got = fitted(x, y, of(2, dtype), shuffle, batch_size, compile=compile, scale=THIRD)
        assert got == expected
    assert sum(taken) >= 4 * (61 // batch_size) - 3 - 4


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_every_kind_of_integers(taken, dtype):
    x, y = integers(dtype)
    expected = fitted(x.float() * THIRD, y, of(2), compile=False)
    assert fitted(x, y, of(2), scale=THIRD) == expected
    assert fitted(x.numpy(), y.numpy(), of(2), scale=THIRD) == expected
    assert sum(taken) > 20


def test_floats_with_a_scale_are_refused_before_training():
    x, y = integers()
    floats = x.float()
    trainer = classifier(of(2), scale=THIRD)
    before = weights(trainer.model)
    loader = DataLoader(TensorDataset(floats, y), batch_size=8, collate_fn=default_collate)
    own = DataLoader(
        TensorDataset(floats, y), batch_size=8, collate_fn=lambda b: default_collate(b)
    )
    for part, call in (
        ("training data", lambda: trainer.fit((floats, y))),
        ("training data", lambda: trainer.fit((floats.numpy(), y))),
        ("training data", lambda: trainer.fit(loader)),
        ("training data", lambda: trainer.fit([(x, y), (floats, y)])),
        ("data", lambda: trainer.fit(own)),
        ("validation data", lambda: trainer.fit((x, y), (floats * THIRD, y))),
        ("data", lambda: trainer.evaluate((floats, y))),
        ("data", lambda: trainer.predict(floats)),
        ("data", lambda: trainer.predict(floats.tolist())),
    ):
        with pytest.raises(cr.DtypeError) as raised:
            call()
        assert str(raised.value) == (
            f"[Trainer] expected inputs of integers in the {part}, as scale={THIRD} is for these; got "
            "chainrule.float32. Multiply floats yourself and pass them to a Trainer without scale."
        )
    assert weights(trainer.model) == before


@pytest.mark.parametrize("as_", [lambda x: x, lambda x: x.numpy()])
def test_targets_are_not_scaled(as_):
    x, y = integers()
    model = of(2)
    seen = []
    trainer = cr.Trainer(
        model,
        lambda outputs, targets: (seen.append(targets), nn.functional.mse_loss(outputs, targets))[
            1
        ],
        optim.SGD(model.parameters(), lr=1e-6),
        scale=THIRD,
        compile=False,
    )
    rows = cr.stack([y, 2 * y, 3 * y], 1)
    trainer.fit((as_(x), as_(rows)), epochs=1, batch_size=61, shuffle=False)
    assert seen[0].dtype == cr.int64 and seen[0].tolist() == rows.tolist()


def test_inputs_as_targets_are_refused_with_a_scale():
    x, _ = integers()
    model = nn.Linear(2, 2)
    trainer = cr.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), scale=1 / 255)
    for pair in (
        (x, x),
        (x.numpy(), x.numpy()),
        TensorDataset(x, x),
        DataLoader(TensorDataset(x, x)),
    ):
        with pytest.raises(ValueError) as caught:
            trainer.fit(pair)
        assert str(caught.value) == (
            "[Trainer.fit] expected targets of their own in the training data, as "
            f"scale={1 / 255} multiplies inputs alone; got the inputs. Pass (x, x.float() * scale)."
        )
    with pytest.raises(ValueError, match="of their own in the validation data"):
        trainer.fit((x, x.float() / 255), (x, x))
    trainer.fit((x, x.float() * trainer.scale), epochs=1)
    plain = cr.Trainer(model, nn.MSELoss(), trainer.optimizer)
    floats = x.float() / 255
    plain.fit((floats, floats), epochs=1)


def test_inputs_that_are_no_tensor_are_not_scaled_in_silence():
    x, y = integers()
    trainer = classifier(of(2), scale=THIRD)
    for inputs, kind in (((x, x), "tuple"), (x.numpy(), r"numpy\.ndarray")):
        with pytest.raises(TypeError, match=rf"scale=.*; got {kind}\.$"):
            trainer.evaluate([(inputs, y)])


@pytest.mark.parametrize("isa", cr._core._available_isas().split(", "))
@pytest.mark.parametrize("features", [1, 17, 5000])  # the last in two strips
def test_rows_of_any_length(taken, isa, features):
    x, y = integers(features=features)
    before = cr._core._isa()
    cr._core._select_isa(isa)
    try:
        for shuffle in (True, False):
            expected = fitted(x.float() * THIRD, y, of(features), shuffle, compile=False)
            assert fitted(x, y, of(features), shuffle, scale=THIRD) == expected
    finally:
        cr._core._select_isa(before)
    assert sum(taken) > 40


def test_images_with_gaps_between_them(taken):
    x, y = integers(features=48)
    images = x.reshape(61, 3, 16)[:, :2].reshape(61, 2, 4, 4)  # a copy
    wide = cr.cat([images, images], 1)[:, :2]  # a view
    assert not wide.is_contiguous()

    def model():
        cr.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(32, 3))

    expected = fitted(images.float() * THIRD, y, model(), compile=False)
    assert fitted(wide, y, model(), scale=THIRD) == expected
    assert sum(taken) > 20


def test_a_model_of_another_dtype_from_the_second_fit_on(taken):
    x, y = integers()

    def twice(trainer):
        trainer.fit((x, y), epochs=2, batch_size=8)
        trainer.model.double()
        trainer.fit((x, y), epochs=2, batch_size=8)

    def make(**options):
        model = network()
        plain = optim.SGD(model.parameters(), lr=0.05)  # no momentum, which would stay float32
        return classifier(model, optimizer=plain, scale=THIRD, **options)

    captured, eager = both(make, twice)
    assert captured == eager
    assert sum(taken) > 10


def test_data_stay_as_they_are(taken):
    check_that_data_stay(*integers(), scale=THIRD)
    assert sum(taken) > 5


@pytest.mark.parametrize("scale", ["1/255", True, 1j, cr.tensor(2.0), [1.0]])
def test_a_scale_that_is_no_number(scale):
    with pytest.raises(TypeError, match=r"^\[Trainer\] expected scale a number or None; got "):
        classifier(scale=scale)


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), -float("inf"), 10**400])
def test_a_scale_that_is_not_finite(scale):
    with pytest.raises(ValueError, match=r"^\[Trainer\] expected a finite scale; got "):
        classifier(scale=scale)


def test_native_batches_scale_integers_alone():
    run = cr._core._replay_batches

    def total(dtype):
        function = cr.compile(lambda t: (t.sum(),))
        for _ in range(4):
            function(cr.ones(2, 2, dtype=dtype))
        return function._fast

    x = cr.tensor([[1, 2], [3, 4], [5, 6], [7, 8]], dtype=cr.uint8)
    for order in (None, cr.tensor([3, 0, 2, 1])):
        for dtype in (cr.float32, cr.float64, cr.bfloat16):
            fast = total(dtype)
            assert run(fast, [x], order, 0, 4, 2, [0.0], 1.0, 0.5) == (2, [36.0])
            assert run(fast, [x], order, 0, 4, 2, [0.0], 1.0, None) == (0, [0.0])
            assert run(fast, [x.to(dtype)], order, 0, 4, 2, [0.0], 1.0, 0.5) == (2, [72.0])
        assert run(total(cr.int64), [x], order, 0, 4, 2, [0.0], 1.0, 0.5) == (0, [0.0])
    with pytest.raises(TypeError):
        run(fast, [x], None, 0, 4, 2, [0.0], 1.0, "0.5")

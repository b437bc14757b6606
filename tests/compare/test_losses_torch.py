"""The losses' modules beside PyTorch's: text, every setting, gradients, kinks and limits, errors."""

import inspect
import math
import warnings

import numpy as np
import pytest
import torch

import chainrule as cr
from both_libraries import LIBRARIES, both, close

INF, NAN = math.inf, math.nan
RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3))
SIGNS = np.where(RNG.random((6, 3)) < 0.5, 1.0, -1.0)
COUNTS = RNG.integers(0, 6, (6, 3)).astype(float)
SHARES, VAR = RNG.uniform(0.05, 0.95, (6, 3)), RNG.uniform(0.1, 2, (6, 3))
CLASSES = RNG.integers(0, 3, 6)
LABELS = np.array([[0, -1, 1], [2, 0, -1], [-1, 0, 0], [0, 1, 2], [1, 1, -1], [2, -1, -1]])
WEIGHT = np.array([0.5, 2.0, 1.0])
REDUCTIONS = ("mean", "sum", "none")


def l1_distance(a, b):
    return (a - b).abs().sum(-1)


# A module's name, its settings, what it is called on.
CALLS = [
    ("GaussianNLLLoss", {}, (X, Y, VAR)),
    ("GaussianNLLLoss", {"full": True, "eps": 0.5}, (X, Y, VAR[:, 0])),
    ("GaussianNLLLoss", {"full": True}, (X, Y, 0.25)),
    ("GaussianNLLLoss", {}, (X, Y, VAR[:1])),
    ("PoissonNLLLoss", {}, (X, COUNTS)),
    ("PoissonNLLLoss", {"full": True}, (X, COUNTS)),
    ("PoissonNLLLoss", {"log_input": False, "eps": 0.125}, (VAR, COUNTS)),
    ("SoftMarginLoss", {}, (X, SIGNS)),
    ("HingeEmbeddingLoss", {}, (X, SIGNS)),
    ("HingeEmbeddingLoss", {"margin": 0.25}, (X, SIGNS)),
    ("MarginRankingLoss", {}, (X, Y, SIGNS)),
    ("MarginRankingLoss", {"margin": 0.75}, (X, Y, SIGNS)),
    ("MultiMarginLoss", {}, (X, CLASSES)),
    ("MultiMarginLoss", {"p": 2, "margin": 0.5, "weight": WEIGHT}, (X, CLASSES)),
    ("MultiMarginLoss", {}, (X[0], CLASSES[0])),
    ("MultiMarginLoss", {"p": 2}, (X[0], CLASSES[:1])),
    ("MultiMarginLoss", {}, (X[0, 0], np.zeros(1, np.int64))),
    ("MultiLabelMarginLoss", {}, (X, LABELS)),
    ("MultiLabelMarginLoss", {}, (X[1], LABELS[1])),
    ("MultiLabelMarginLoss", {}, (X[1, 1], LABELS[0, 0])),
    ("MultiLabelSoftMarginLoss", {}, (X, SHARES)),
    ("MultiLabelSoftMarginLoss", {"weight": WEIGHT}, (X, SHARES)),
    ("KLDivLoss", {}, (np.log(VAR), SHARES)),
    ("KLDivLoss", {"log_target": True}, (np.log(VAR), np.log(SHARES))),
    ("KLDivLoss", {"reduction": "batchmean"}, (np.log(VAR), SHARES)),
    ("CosineEmbeddingLoss", {}, (X, Y, SIGNS[:, 0])),
    ("CosineEmbeddingLoss", {"margin": -0.5}, (X, Y, SIGNS[:, 0])),
    ("CosineEmbeddingLoss", {"margin": 0.25}, (X[0], Y[0], SIGNS[0, 0])),
    ("TripletMarginLoss", {}, (X, Y, COUNTS)),
    ("TripletMarginLoss", {"p": 1.5, "margin": 2.5, "swap": True, "eps": 0.5}, (X, Y, COUNTS)),
    ("TripletMarginLoss", {"p": INF, "margin": 2.5}, (X[0], Y[0], COUNTS[0])),
    ("TripletMarginWithDistanceLoss", {}, (X, Y, COUNTS)),
    (
        "TripletMarginWithDistanceLoss",
        {"distance_function": l1_distance, "margin": 2.0, "swap": True},
        (X, Y, COUNTS),
    ),
    ("CosineSimilarity", {}, (X, Y)),
    ("CosineSimilarity", {"dim": 0, "eps": 1e-3}, (X, Y)),
    ("PairwiseDistance", {}, (X, Y)),
    ("PairwiseDistance", {"p": 3, "eps": 0.1, "keepdim": True}, (X, Y)),
]
BY_REDUCTION = [
    (name, {"reduction": how, **settings}, values)
    for name, settings, values in CALLS
    for how in (REDUCTIONS if name.endswith("Loss") and "reduction" not in settings else [None])
]


def make(lib, name, settings):
    chosen = {k: v for k, v in settings.items() if v is not None}
    if "weight" in chosen:
        chosen["weight"] = lib.tensor(chosen["weight"])
    return getattr(lib.nn, name)(**chosen)


def value_and_gradients(lib, name, settings, values):
    """By the first input, or two where both are learned."""
    tensors = [lib.tensor(v) if isinstance(v, (np.ndarray, np.number)) else v for v in values]
    learned = tensors[: 2 if len(values) == 3 and name != "GaussianNLLLoss" else 1]
    if name == "GaussianNLLLoss" and isinstance(values[2], np.ndarray):
        learned.append(tensors[2])
    for t in learned:
        t.requires_grad_()
    loss = make(lib, name, settings)(*tensors)
    seed = np.linspace(0.5, 1, math.prod(loss.shape)).reshape(tuple(loss.shape))
    return loss, *lib.autograd.grad([loss], learned, [lib.tensor(seed)])


@pytest.mark.filterwarnings("ignore:.*batchmean:UserWarning")
@pytest.mark.parametrize(
    ("name", "settings", "values"),
    BY_REDUCTION,
    ids=[
        f"{i}-{name}-{settings.get('reduction')}"
        for i, (name, settings, _) in enumerate(BY_REDUCTION)
    ],
)
def test_values_and_gradients(name, settings, values):
    found = both(lambda lib: value_and_gradients(lib, name, settings, values))
    for got, want in zip(*found, strict=True):
        close(got, want)


def test_text_and_keys():
    for name, settings, _ in CALLS:
        ours, theirs = both(lambda lib, n=name, s=settings: make(lib, n, s))
        assert repr(ours) == repr(theirs)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        for key in settings.keys() - {"weight"}:
            assert (
                getattr(ours, "norm" if key == "p" and not hasattr(ours, "p") else key)
                == (settings[key])
            )


@pytest.mark.filterwarnings("ignore:.*batchmean:UserWarning")
@pytest.mark.parametrize("part", [np.s_[:0], np.s_[:, :0]], ids=["rows", "features"])
@pytest.mark.parametrize(
    ("name", "settings", "values"),
    [
        call
        for call in BY_REDUCTION
        # Of no rows PyTorch gives what was in memory for these.
        if {np.ndim(v) for v in call[2]} in ({2}, {1, 2})
        and call[0] not in ("MultiMarginLoss", "MultiLabelMarginLoss")
    ],
)
def test_of_nothing(name, settings, values, part):
    """Rows or features of which there are none."""
    cut = [v[part] if v.ndim == 2 else v[part[0] if type(part) is tuple else part] for v in values]
    settings = {k: v for k, v in settings.items() if k != "weight"}
    try:
        want = value_and_gradients(torch, name, settings, cut)
    except (RuntimeError, IndexError):
        return  # no class is right where there are none, no largest where there is nothing
    for got, other in zip(value_and_gradients(cr, name, settings, cut), want, strict=True):
        close(got, other)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("name", "settings", "sizes", "target"),
    [
        (name, settings, sizes, target)
        for name, settings in (
            ("cross_entropy", {}),
            ("cross_entropy", {"label_smoothing": 0.1}),
            ("nll_loss", {}),
        )
        for sizes, target in (
            ((0,), 0),
            ((0,), 1),
            ((0,), -100),
            ((1, 0), [-100]),
            ((2, 0), [-100, 0]),
            ((2, 0), [-100, -100]),
            ((0, 0), []),
            ((2, 0, 0), [[], []]),
            ((0,), "probabilities"),
            ((2, 0), "probabilities"),
            ((2, 0, 3), "probabilities"),
        )
        if name == "cross_entropy" or target != "probabilities"
    ],
)
def test_of_no_classes(name, settings, sizes, target, weighted, reduction):
    """The value and a gradient of no elements, or the same error, one row without a batch, too."""

    def outcome(lib):
        x = lib.zeros(sizes, requires_grad=True)
        t = lib.zeros(sizes) if target == "probabilities" else lib.tensor(target, dtype=lib.int64)
        weight = lib.zeros(0) if weighted else None
        try:
            loss = getattr(lib.nn.functional, name)(
                x, t, weight=weight, reduction=reduction, **settings
            )
        except (RuntimeError, IndexError) as error:
            return isinstance(error, IndexError)
        loss.sum().backward()
        return loss, x.grad

    own, other = both(outcome)
    if isinstance(own, bool) or isinstance(other, bool):
        assert own is other
    else:
        for a, b in zip(own, other, strict=True):
            close(a, b)


# ---- Old flags: the place of each argument.

FLAGGED = {
    "poisson_nll_loss": ((X, COUNTS), (True, False)),
    "soft_margin_loss": ((X, SIGNS), ()),
    "hinge_embedding_loss": ((X, SIGNS), (0.5,)),
    "margin_ranking_loss": ((X, Y, SIGNS), (0.5,)),
    "multi_margin_loss": ((X, CLASSES), (2, 0.5, None)),
    "multilabel_margin_loss": ((X, LABELS), ()),
    "multilabel_soft_margin_loss": ((X, SHARES), (None,)),
    "kl_div": ((np.log(VAR), SHARES), ()),
    "cosine_embedding_loss": ((X, Y, SIGNS[:, 0]), (0.5,)),
    "triplet_margin_loss": ((X, Y, COUNTS), (1.5, 1, 0.5, True)),
}


@pytest.mark.parametrize("flags", [(True, None), (False, None), (None, False), (False, False)])
@pytest.mark.parametrize("name", FLAGGED)
def test_old_flags_stand_where_they_stood(name, flags):
    values, settings = FLAGGED[name]

    def act(lib):
        size_average, reduce = flags
        places = (size_average, 1e-8, reduce) if name.startswith("poisson") else flags
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function = getattr(lib.nn.functional, name)
            return function(*map(lib.tensor, values), *settings, *places)

    close(*both(act))


def test_kl_div_of_a_mean_warns():
    for lib in LIBRARIES:
        with pytest.warns(UserWarning, match="batchmean"):
            lib.nn.functional.kl_div(lib.tensor(X), lib.tensor(SHARES))


def arguments(callable_):
    """Names, kinds and defaults of what both libraries take."""
    own = {"weight"} if callable_.__name__ in ("mse_loss", "l1_loss", "huber_loss") else set()
    found = inspect.signature(callable_).parameters.values()
    return [(p.name, p.kind, p.default) for p in found if p.name not in own]


@pytest.mark.parametrize(
    "name",
    [
        *sorted({name for name, _, _ in CALLS}),
        *FLAGGED,
        "gaussian_nll_loss",
        "triplet_margin_with_distance_loss",
    ],
)
def test_arguments_are_pytorchs(name):
    ours, theirs = both(
        lambda lib: getattr(lib.nn if name[0].isupper() else lib.nn.functional, name)
    )
    assert arguments(ours) == arguments(theirs)
    if name[0].isupper():
        assert arguments(ours.forward) == arguments(theirs.forward)


# ---- Kinks, ties, infinities and NaN.

SPECIAL = [-INF, -1e30, -1.0, -0.0, 0.0, 1e-30, 1.0, 1e30, INF, NAN]
KINKS = {
    "hinge_embedding at 1": (lambda f, x, y: f.hinge_embedding_loss(x, -y), [1.0, 0.5, 1.5]),
    "hinge_embedding": (lambda f, x, y: f.hinge_embedding_loss(x, -y, reduction="sum"), SPECIAL),
    "hinge_embedding of 1": (lambda f, x, y: f.hinge_embedding_loss(x, y), SPECIAL),
    "labels of neither sign": (lambda f, x, y: f.hinge_embedding_loss(x, y * 0.5), [0.5, 3.0]),
    "margin_ranking": (lambda f, x, y: f.margin_ranking_loss(x, y * 0, y), SPECIAL),
    "margin_ranking at it": (lambda f, x, y: f.margin_ranking_loss(x, y * 0, y, 1), [1.0, 2.0]),
    "multi_margin": (
        lambda f, x, y: f.multi_margin_loss(x, y[:, 0].long(), reduction="none"),
        [[0.0, 1.0], [0.0, 0.0], [1.0, 1.0], [INF, 0.0], [0.0, INF]],
    ),
    "multi_margin squared": (
        lambda f, x, y: f.multi_margin_loss(x, y[:, 0].long(), p=2, reduction="none"),
        [[0.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, -2.0]],
    ),
    "multilabel_margin": (
        lambda f, x, y: f.multilabel_margin_loss(x, (y - 1).long()),
        [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0], [-2.0, 5.0]],
    ),
    "nll": (
        lambda f, x, y: f.nll_loss(x, y[:, 0].long()),
        [[0.0, -0.5], [-INF, -0.0], [1e30, 1.0]],
    ),
    "nll of classes that are ignored": (
        lambda f, x, y: f.nll_loss(x, y[:, 0].long(), ignore_index=1, reduction="sum"),
        [[0.0, -0.5], [-INF, NAN]],
    ),
    "nll of nothing": (
        lambda f, x, y: f.nll_loss(x, y[:, 0].long(), ignore_index=1),
        [[0.0, -0.5], [-INF, NAN]],
    ),
    "nll, weighted": (
        lambda f, x, y: f.nll_loss(
            x, (x[:, 0] > 0).long(), y[0] * x.detach()[0], ignore_index=5, reduction="none"
        ),
        [[0.25, 3.0], [-0.5, 2.0], [NAN, 1.0]],
    ),
    "soft_margin": (lambda f, x, y: f.soft_margin_loss(x, y), [-700.0, -0.0, 0.0, 50.0, 700.0]),
    "multilabel_soft_margin": (
        lambda f, x, y: f.multilabel_soft_margin_loss(x, y),
        [-800.0, -0.0, 0.0, 800.0],
    ),
    "kl_div": (lambda f, x, y: f.kl_div(x, y * 0.5, reduction="sum"), SPECIAL),
    "kl_div of a target": (lambda f, x, y: f.kl_div(y, x, reduction="sum"), [0.25, 1.0, 3.0]),
    "poisson": (lambda f, x, y: f.poisson_nll_loss(x, y), [-INF, -1e30, -0.0, 0.0, 700.0, NAN]),
    "poisson of 0": (lambda f, x, y: f.poisson_nll_loss(x, y, False), [0.0, 1e-30, 1e30, NAN]),
    "stirling at 1": (lambda f, x, y: f.poisson_nll_loss(y, x, full=True), [0.5, 1.0, 1.5, NAN]),
    "gaussian": (lambda f, x, y: f.gaussian_nll_loss(x, y, y), SPECIAL[1:-2]),
    "variance": (
        lambda f, x, y: f.gaussian_nll_loss(y, y * 3, x, eps=0.5),
        [0.0, 1e-30, 0.25, 0.5, 2.0, 1e30, NAN],
    ),
    "cosine of zeros": (
        lambda f, x, y: f.cosine_similarity(x, y),
        [[0.0, 0.0], [1.0, 2.0], [1e30, -1e30]],
    ),
    "cosine_embedding of zeros": (
        lambda f, x, y: f.cosine_embedding_loss(x, y, y[:, 0]),
        [[0.0, 0.0], [1.0, 2.0], [-1e30, 1e30]],
    ),
    "cosine_embedding at its margin": (
        lambda f, x, y: f.cosine_embedding_loss(x, y, -y[:, 0]),
        [[1.0, -1.0], [0.0, 0.0], [1.0, 1.0]],
    ),
    "normalize zeros": (lambda f, x, y: f.normalize(x), [[0.0, 0.0], [1e-30, 0.0], [1e30, 1.0]]),
    "distance of equals": (lambda f, x, y: f.pairwise_distance(x, y, eps=0.0), [[1.0, 1.0]] * 2),
    "triplet at its margin": (
        lambda f, x, y: f.triplet_margin_loss(x, x.detach() + 1, x.detach() + 2, eps=0.0),
        [[0.0], [1.0]],
    ),
}


@pytest.mark.parametrize("name", KINKS)
def test_kinks(name):
    function, values = KINKS[name]

    def act(lib):
        x = lib.tensor(values, dtype=lib.float64, requires_grad=True)
        loss = function(lib.nn.functional, x, lib.ones_like(x).detach())
        seed = np.linspace(0.5, 1, math.prod(loss.shape)).reshape(tuple(loss.shape))
        return loss, *lib.autograd.grad([loss], [x], [lib.tensor(seed)])

    for got, want in zip(*both(act), strict=True):
        got, want = got.detach().numpy(), want.detach().numpy()
        # PyTorch has the 1e-12 of cosine_embedding_loss in float32.
        rtol = 3e-9 if name.startswith("cosine_embedding") else 1e-12
        np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-300, err_msg=name)


# ---- Errors of the same kinds.

MISUSE = {
    "reduction": lambda nn: nn.functional.triplet_margin_with_distance_loss(
        *[nn.Parameter(x_of(nn))] * 3, reduction="median"
    ),
    "p": lambda nn: nn.MultiMarginLoss(p=3),
    "margin": lambda nn: nn.TripletMarginLoss(margin=0),
    "margin with distance": lambda nn: nn.TripletMarginWithDistanceLoss(margin=-1),
    "weight": lambda nn: nn.MultiMarginLoss(weight=x_of(nn)),
    "variance": lambda nn: nn.GaussianNLLLoss()(x_of(nn), x_of(nn), -1.0),
    "ranks": lambda nn: nn.functional.margin_ranking_loss(x_of(nn), x_of(nn), x_of(nn)[0]),
    "labels": lambda nn: nn.functional.multilabel_margin_loss(x_of(nn), x_of(nn)[:, :2].long()),
    "no classes": lambda nn: nn.functional.multilabel_soft_margin_loss(
        x_of(nn)[0, 0], x_of(nn)[0, 0]
    ),
}


def x_of(nn):
    return (cr if nn is cr.nn else torch).tensor(X)


@pytest.mark.parametrize("name", MISUSE)
def test_error_kind(name):
    with pytest.raises(Exception) as theirs:
        MISUSE[name](torch.nn)
    with pytest.raises(theirs.type):
        MISUSE[name](cr.nn)

"""The test error of dropout networks on UCI's tables, over the splits of Hernandez-Lobato and Adams.

J. M. Hernandez-Lobato, R. P. Adams, "Probabilistic Backpropagation for Scalable Learning of Bayesian
Neural Networks", ICML 2015: the splits and the errors of PBP. Y. Gal, Z. Ghahramani, "Dropout as a
Bayesian Approximation", ICML 2016, in the form of 2018 (github.com/yaringal/DropoutUncertaintyExps):
the network, its training for 100 times 40 epochs, the rate of dropout and the precision tau that
were chosen inside each training set, and the error on each split.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

pytestmark = pytest.mark.slow

# Root mean squared error of PBP, mean over the splits.
PROBABILISTIC_BACKPROPAGATION = {"yacht": 1.02, "energy": 1.80, "concrete": 5.67}


def trained(x, y, hidden, epochs, dropout, tau):
    net = nn.Sequential(nn.Dropout(dropout), *nn.MLP(x.shape[1], hidden, 1, dropout=dropout))
    parameters = dict(net.named_parameters())
    weights = [value for name, value in parameters.items() if name.endswith("weight")]
    biases = [value for name, value in parameters.items() if name.endswith("bias")]
    for weight, bias in zip(weights, biases):
        nn.init.xavier_uniform_(weight)
        nn.init.zeros_(bias)
    # A prior of length scale 0.01 penalises squares by 1e-4 (1 - p) / (2 n tau); decay is twice it.
    decay = 1e-4 * (1 - dropout) / (len(x) * tau)
    groups = [{"params": weights, "weight_decay": decay}, {"params": biases}]
    trainer = cr.Trainer(net, nn.MSELoss(), optim.Adam(groups, lr=0.001))
    trainer.fit((x, y), epochs=epochs, batch_size=128)
    return net


def mean_of_masks(net, x):
    """The mean output over 10,000 draws of the dropped units."""
    net.train()
    with cr.no_grad():
        draws = [net(x.expand(1000, *x.shape)).mean(0) for _ in range(10)]
    return cr.stack(draws).mean(0).numpy()


def error_on_split(data, split):
    test = data[f"test_{split}"]
    train = np.setdiff1d(np.arange(len(data["y"])), test)
    x, y = data["x"], data["y"][:, None]
    x_scale = np.where(x[train].std(0) == 0, 1, x[train].std(0))
    y_mean, y_scale = y[train].mean(), y[train].std()
    x = ((x - x[train].mean(0)) / x_scale).astype(np.float32)
    settings = (float(data[name][split]) for name in ("pub_dropout", "pub_tau"))
    cr.manual_seed(split)
    net = trained(
        x[train],
        (y[train] - y_mean) / y_scale,
        int(data["n_hidden"]),
        100 * int(data["n_epochs"]),
        *settings,
    )
    outputs = mean_of_masks(net, cr.from_numpy(x[test])) * y_scale + y_mean
    return np.sqrt(np.mean((outputs - y[test]) ** 2))


def mean_and_error(values):
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


@pytest.mark.parametrize("name", PROBABILISTIC_BACKPROPAGATION)
def test_error_over_the_published_splits(name, uci, measured):
    data = uci(name)
    published = data["pub_mc_rmse"]
    errors = np.array([error_on_split(data, split) for split in range(len(published))])
    more, uncertainty = mean_and_error(errors - published)
    (mean, error), (their_mean, their_error) = map(mean_and_error, (errors, published))
    measured(
        f"{name}: RMSE {mean:.3f} +- {error:.3f}, published {their_mean:.3f} +- {their_error:.3f}, "
        f"split by split {more:+.3f} +- {uncertainty:.3f}"
    )
    assert len(errors) == 20
    assert mean < PROBABILISTIC_BACKPROPAGATION[name]
    assert more < 2 * uncertainty

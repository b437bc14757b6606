"""The step in scikit-learn: MLPClassifier.partial_fit on one batch."""

import warnings

from sklearn.neural_network import MLPClassifier, MLPRegressor


def set_threads(n):
    """NumPy's BLAS does the products; bench.harness.pin limits it."""


def steps(network):
    x, y = network.data()
    kind = MLPRegressor if network.regression else MLPClassifier
    model = kind(
        hidden_layer_sizes=network.sizes[1:-1],
        activation=network.activation,
        solver=network.optimizer,
        batch_size=network.batch,
        alpha=0.0,
        nesterovs_momentum=False,
        learning_rate_init=0.01 if network.optimizer == "sgd" else 0.001,
        shuffle=False,
    )
    extra = {} if network.regression else {"classes": range(network.sizes[-1])}

    def step():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.partial_fit(x, y, **extra)
        return model.loss_

    return {"scikit-learn": step}

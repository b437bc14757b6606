"""Measures of a whole prediction, on NumPy arrays."""


def accuracy(predicted, labels):
    """The share of labels predicted."""
    import numpy as np

    return float(np.mean(np.asarray(predicted) == np.asarray(labels)))


def confusion_matrix(labels, predicted, classes):
    """counts[i, j]: how many rows of class i were taken for class j."""
    import numpy as np

    pairs = np.asarray(labels) * classes + np.asarray(predicted)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def r2_score(values, predicted):
    """1 - residual / total sum of squares; 0 is as good as the mean. NaN where all values are
    equal."""
    import numpy as np

    values, predicted = np.asarray(values, np.float64), np.asarray(predicted, np.float64)
    total = float(np.sum((values - values.mean()) ** 2))
    residual = float(np.sum((values - predicted) ** 2))
    return 1 - residual / total if total > 0 else float("nan")


def rmse(values, predicted):
    """Root of the mean squared error, in the units of the values."""
    import numpy as np

    difference = np.asarray(values, np.float64) - np.asarray(predicted, np.float64)
    return float(np.sqrt(np.mean(difference**2)))

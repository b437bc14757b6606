"""Real data sets by name: five small tables that scikit-learn ships, and Fashion-MNIST.

`load(name)` gives a `Data`: NumPy arrays, names, and how many rows at the end are the official test
set. Nothing is downloaded but Fashion-MNIST, and that only when it is found nowhere on this
machine.
"""

import dataclasses
import difflib
import typing

from . import _fashion_mnist

if typing.TYPE_CHECKING:
    import numpy as np

__all__ = ["Data", "load", "names"]


def __dir__():
    return __all__


@dataclasses.dataclass(repr=False)
class Data:
    """A data set: `x` (rows, features), `y` (rows,), classes as int64 or values as float64."""

    name: str
    task: str  # "classification" or "regression"
    x: "np.ndarray"
    y: "np.ndarray"
    feature_names: list[str]
    class_names: list[str]  # empty for regression
    image_shape: tuple[int, int] | None = None  # rows of x are images of this height and width
    target_name: str = ""  # what y is, for regression
    official_test: int = 0  # this many rows at the end are the data set's own test set

    def __repr__(self):
        rows, features = self.x.shape
        what = f", {len(self.class_names)} classes" if self.class_names else ""
        return f"Data({self.name!r}, {rows} rows, {features} features{what})"


# Name -> (scikit-learn's loader, task, image shape).
_BUNDLED = {
    "digits": ("load_digits", "classification", (8, 8)),
    "iris": ("load_iris", "classification", None),
    "wine": ("load_wine", "classification", None),
    "breast-cancer": ("load_breast_cancer", "classification", None),
    "diabetes": ("load_diabetes", "regression", None),
}
_TARGETS = {"diabetes": "disease progression after one year"}


def names():
    """The names that `load` knows."""
    return [*_BUNDLED, "fashion-mnist"]


def load(name, data_dir=None):
    """Load a data set by name; `data_dir` is the folder of Fashion-MNIST's four .gz files.

    Without `data_dir`, Fashion-MNIST is looked for in the folder of Debian's package
    `dataset-fashion-mnist` and in the cache, and downloaded into the cache if it is in neither.
    """
    check_name(name)
    if name == "fashion-mnist":
        return _load_fashion_mnist(data_dir)
    if data_dir is not None:
        raise ValueError(
            f"[datasets] expected no data_dir for {name!r}, which scikit-learn ships; got {data_dir!r}."
        )
    return _load_bundled(name)


def check_name(name):
    """Raise ValueError with the nearest name if `name` is not a data set."""
    if name in names():
        return
    tidy = str(name).strip().lower().replace("_", "-").replace(" ", "-")
    near = difflib.get_close_matches(tidy, names(), n=1)
    near = near or [known for known in names() if tidy and tidy in known][:1]
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"[datasets] expected one of {', '.join(names())}; got {name!r}.{hint}")


def _load_bundled(name):
    import numpy as np

    try:
        import sklearn.datasets
    except ImportError:
        raise ModuleNotFoundError(
            f"[datasets] expected scikit-learn, which brings {name!r}; got none. "
            'Install it: pip install "chainrule[data]"'
        ) from None
    function, task, image_shape = _BUNDLED[name]
    # scaled=False: diabetes in its own units, so that a CSV of plain measurements can be predicted.
    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(sklearn.datasets, function)(**options)
    classification = task == "classification"
    return Data(
        name=name,
        task=task,
        x=np.ascontiguousarray(bunch.data, dtype=np.float64),
        y=np.ascontiguousarray(bunch.target, dtype=np.int64 if classification else np.float64),
        feature_names=[str(feature) for feature in bunch.feature_names],
        class_names=[str(label) for label in bunch.target_names] if classification else [],
        image_shape=image_shape,
        target_name=_TARGETS.get(name, ""),
    )


def _load_fashion_mnist(data_dir):
    import numpy as np

    folder = _fashion_mnist.find(data_dir)
    train_x, train_y, test_x, test_y = _fashion_mnist.read(folder)
    images = np.concatenate([train_x, test_x])
    height, width = images.shape[1:]
    return Data(
        name="fashion-mnist",
        task="classification",
        x=images.reshape(len(images), -1),  # kept as bytes: 55 MB, where float64 would take 440
        y=np.concatenate([train_y, test_y]).astype(np.int64),
        feature_names=[f"pixel_{row}_{column}" for row in range(height) for column in range(width)],
        class_names=list(_fashion_mnist.CLASS_NAMES),
        image_shape=(height, width),
        official_test=len(test_x),
    )

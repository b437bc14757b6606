"""What a Trainer takes as data: loaders and datasets as they are, arrays and lists made tensors.

Arrays and lists of floating numbers get the dtype of the model, as NumPy's own default, float64, is
seldom it. Integers stay integers, class numbers and indices of embeddings among them. Tensors have
the dtype that their owner chose and keep it.
"""

import numbers

import chainrule as cr

from ._checks import type_name
from .utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    default_collate,
)

_KINDS = "a DataLoader, a Dataset or a pair (inputs, targets)"
# What is expected of data of each name, and how to pass those that came as an array alone.
_EXPECTED = {
    "training data": (_KINDS, "fit((x, y))"),
    "validation data": (_KINDS, "fit((x, y), (x_val, y_val))"),
    "data": (_KINDS, "evaluate((x, y))"),
    "inputs": ("a tensor, an array, a list of numbers, a Dataset or a DataLoader", ""),
}


def model_dtype(model):
    """The dtype of the first floating parameter; without one the default dtype."""
    floating = (p.dtype for p in model.parameters() if p.is_floating_point())
    return next(floating, cr.get_default_dtype())


def as_tensor(value, dtype):
    """A tensor as it is; an array or a list of numbers as a tensor, if floating of `dtype`."""
    if isinstance(value, cr.Tensor):
        return value
    try:
        is_list = isinstance(value, list | tuple)
        tensor = cr.tensor(value) if is_list else cr.from_numpy(_plain_array(value))
    except (TypeError, ValueError) as error:
        raise type(error)(
            "[Trainer] expected a tensor, an array or a list of numbers; "
            f"got {_described(value, error)}"
        ) from None
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _plain_array(value):
    """An array of the value; of float16 and other kinds of floating numbers as float64."""
    import numpy as np

    array = np.asarray(value, order="C")
    convert = array.dtype.kind == "f" and array.dtype != np.float32
    return array.astype(np.float64, copy=False) if convert else array


def _described(value, error):
    """What came for an array or a list, and, for class numbers and names, what to do."""
    if isinstance(value, list | tuple):
        return f"{type_name(value)}: {error}"
    if not hasattr(value, "__array__"):
        return f"{type_name(value)}."
    dtype = _plain_array(value).dtype
    hint = ""
    if dtype.kind in "iu":
        hint = ' Convert inputs by astype("float32"), class numbers by astype("int64").'
    elif dtype.kind == "U":
        hint = " For numbers of classes take numpy.unique(labels, return_inverse=True)[1]."
    return f"an array of {dtype}.{hint}"


def as_loader(data, batch_size, shuffle, generator, dtype, part="data"):
    """A DataLoader for a Dataset or a pair (inputs, targets); an iterable of batches as it is."""
    if isinstance(data, list | tuple) and len(data) == 2 and not _is_two_batches(data):
        try:
            data = TensorDataset(*(as_tensor(value, dtype) for value in data))
        except (TypeError, ValueError) as error:
            error.add_note(f"[Trainer] in the {part}, a pair (inputs, targets).")
            raise
    if isinstance(data, Dataset) or _is_like_a_dataset(data):
        shuffle = shuffle and not isinstance(data, IterableDataset)
        return DataLoader(data, batch_size=batch_size, shuffle=shuffle, generator=generator)
    # Rows of numbers, a string's letters and a dict's keys are no batches.
    rows = hasattr(data, "__array__") or (isinstance(data, list | tuple) and _is_numbers(data))
    if hasattr(data, "__iter__") and not rows and not isinstance(data, str | bytes | dict):
        return data
    kinds, call = _EXPECTED[part]
    hint = f" Inputs and targets are one argument: pass {call}." if rows else ""
    raise TypeError(f"[Trainer] expected {part} as {kinds}; got {type_name(data)}.{hint}")


def as_rows(loader):
    """The batches of one pass over a DataLoader as rows of tensors that native code can take; None
    where there is more to a batch."""
    return loader._epoch() if isinstance(loader, DataLoader) else None


def row_tensors(loader):
    """The tensors whose rows make the batches; None where code of the user's may have a say."""
    if type(loader) is not DataLoader or loader.collate_fn is not default_collate:
        return None
    dataset = loader.dataset
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return dataset.tensors if type(dataset) is TensorDataset else None


def as_inputs(data, dtype):
    """What `predict` was given, where it is one tensor, array or list of numbers, as a Dataset."""
    if isinstance(data, cr.Tensor) or hasattr(data, "__array__") or _is_numbers(data):
        return TensorDataset(as_tensor(data, dtype))
    return data


def scaled(inputs, scale, model):
    """Integers in the dtype of the model, times `scale`; as they are without a scale."""
    if scale is None:
        return inputs
    check_scaled(inputs, scale)
    return inputs.to(model_dtype(model)) * scale


def check_scaled(inputs, scale, part="data"):
    """TypeError for inputs with a scale that are no integers: to leave them as they are is not what
    was asked for, and whether floats have been multiplied already nobody can tell."""
    known = isinstance(inputs, cr.Tensor)
    if scale is None or (known and not inputs.is_floating_point()):
        return
    hint = " Multiply floats yourself and pass them to a Trainer without scale." if known else ""
    raise (cr.DtypeError if known else TypeError)(
        f"[Trainer] expected inputs of integers in the {part}, as scale={scale} is for these; "
        f"got {inputs.dtype if known else type_name(inputs)}.{hint}"
    )


def pair(batch, part="data"):
    """The batch, if it is (inputs, targets)."""
    if not isinstance(batch, list | tuple) or len(batch) != 2:
        parts = f" of {len(batch)}" if isinstance(batch, list | tuple) else ""
        raise ValueError(
            f"[Trainer] expected {part} as a pair (inputs, targets) or as batches of that form; "
            f"got a {type_name(batch)}{parts}."
        )
    if _is_sample(*batch):
        raise cr.ShapeError(
            f"[Trainer] expected {part} as batches (inputs, targets); got a single sample. Pass a "
            "DataLoader of the samples."
        )
    return batch


def _is_sample(inputs, targets):
    """Whether it shows: a target without rows, or a row of inputs that is no column."""
    rank = getattr(targets, "ndim", None)
    if rank == 1 and getattr(inputs, "ndim", None) == 1:
        return len(inputs) != len(targets)
    return rank == 0 or isinstance(targets, numbers.Number)


def sample_count(loader):
    """How many samples one pass has, or None where the loader cannot tell."""
    try:
        if isinstance(loader, DataLoader) and loader.batch_size is not None:
            whole = len(loader) * loader.batch_size
            return whole if loader.drop_last else min(whole, len(loader.sampler or loader.dataset))
    except TypeError:
        pass
    return None


def _is_like_a_dataset(data):
    """Samples by their number, as a DataLoader takes them, from a class of its own."""
    own = type(data)
    return all(hasattr(own, name) for name in ("__getitem__", "__len__")) and not (
        hasattr(own, "__iter__") or hasattr(data, "__array__")
    )


def _is_two_batches(data):
    """A list [(inputs, targets), (inputs, targets)], not a pair of two lists of numbers."""
    return isinstance(data, list) and all(
        isinstance(batch, list | tuple)
        and len(batch) == 2
        and all(getattr(part, "ndim", 0) > 0 for part in batch)
        for batch in data
    )


def _is_numbers(data):
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return isinstance(data, numbers.Number)

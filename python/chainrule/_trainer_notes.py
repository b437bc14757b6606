"""Notes (PEP 678) that a Trainer adds to errors of the model and the loss: how the data that it was
given become what they take."""

import chainrule as cr

from ._batches import model_dtype


def note_inputs(error, inputs, model):
    """Say in a note of a DtypeError how inputs of another dtype than the model's are converted."""
    dtype = model_dtype(model)
    if isinstance(inputs, cr.Tensor) and inputs.dtype != dtype:
        otherwise = "For bytes pass scale=1 / 255. Or convert" if inputs.dtype == cr.uint8 else None
        _note(error, "inputs", "the model's dtype, ", inputs.dtype, dtype, otherwise)


def note_row(error, inputs):
    """Say in a note of a ShapeError how one row becomes a batch."""
    if isinstance(inputs, cr.Tensor) and inputs.ndim == 1 and inputs.is_floating_point():
        error.add_note(
            f"[Trainer] expected inputs as rows; got shape {tuple(inputs.shape)}. One sample x is "
            "x[None]."
        )


def note_targets(error, outputs, targets):
    """Say in a note of an error of the loss how targets become what it takes."""
    if not (isinstance(targets, cr.Tensor) and isinstance(outputs, cr.Tensor)):
        return
    if isinstance(error, cr.DtypeError):
        classes = targets.ndim < outputs.ndim and outputs.shape[-1] > 1
        dtype = cr.int64 if classes else outputs.dtype
        if targets.dtype != dtype:
            _note(error, "targets", "", targets.dtype, dtype)
    elif {tuple(outputs.shape[1:]), tuple(targets.shape[1:])} == {(), (1,)}:
        form = "(-1, 1)" if targets.ndim == 1 else "(-1)"
        error.add_note(
            f"[Trainer] expected targets in the form of the outputs, {tuple(outputs.shape)}; got "
            f"{tuple(targets.shape)}. Pass targets.reshape{form}, of a tensor or an array."
        )


def _note(error, what, whose, got, dtype, convert=None):
    name = str(dtype).removeprefix("chainrule.")
    error.add_note(
        f"[Trainer] expected {what} of {whose}{dtype}; got {got}. {convert or 'Convert'} them: a "
        f'tensor by {what}.to({dtype}), an array by {what}.astype("{name}").'
    )

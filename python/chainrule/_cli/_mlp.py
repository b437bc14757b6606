"""The network of the command line: linear layers with an activation and dropout between them."""

import chainrule as cr

ACTIVATIONS = {"relu": "ReLU", "tanh": "Tanh", "sigmoid": "Sigmoid"}  # name -> class in nn


def build(architecture):
    """nn.MLP from {"inputs", "hidden", "outputs", "activation", "dropout"}."""
    from chainrule import nn

    return nn.MLP(
        architecture["inputs"],
        architecture["hidden"],
        architecture["outputs"],
        activation=getattr(nn, ACTIVATIONS[architecture["activation"]]),
        dropout=architecture["dropout"],
    )


def check(architecture):
    """Raise ValueError unless `architecture`, read from a file, can be built as it stands."""
    sizes = [architecture.get("inputs"), architecture.get("outputs"), *_hidden(architecture)]
    if not all(type(size) is int and 1 <= size <= 1_000_000 for size in sizes):
        raise ValueError(f"layer sizes must be integers from 1 to 1000000; got {sizes}")
    if architecture.get("activation") not in list(ACTIVATIONS):
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}")
    dropout = architecture.get("dropout")
    if type(dropout) not in (int, float) or not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1); got {dropout!r}")


def describe(architecture):
    """ "64-128-64-10 relu", or "64-10" without hidden layers, for headings."""
    sizes = [architecture["inputs"], *architecture["hidden"], architecture["outputs"]]
    activation = f" {architecture['activation']}" if architecture["hidden"] else ""
    return "-".join(map(str, sizes)) + activation


def parameter_count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def _hidden(architecture):
    hidden = architecture.get("hidden")
    return hidden if isinstance(hidden, list) else [None]


def state_matches(state, model):
    """None if `state` fits `model`, else a sentence that says what differs."""
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if not all(isinstance(value, cr.Tensor) for value in state.values()):
        return "it holds something else than tensors"
    found = {name: tuple(value.shape) for name, value in state.items()}
    if wanted == found:
        return None
    for what, names in (
        ("lacks", wanted.keys() - found.keys()),
        ("adds", found.keys() - wanted.keys()),
    ):
        if names:
            return f"it {what} {', '.join(sorted(map(str, names)))}"
    name = next(name for name in wanted if wanted[name] != found[name])
    return f"{name} has the shape {found[name]}; expected {wanted[name]}"

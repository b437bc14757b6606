"""MLP and Autoencoder: networks from a list of widths."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .._checks import require_bool, require_callable
from .._core import Tensor
from ._container import Sequential
from ._dropout import Dropout
from ._dropouts import require_probability
from ._linear import Linear
from ._module import Module
from ._rectifier import ReLU
from ._sizes import require_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class MLP(Sequential):
    """Linear layers with an activation between them: a fully connected feed-forward network.

    Args:
        in_features: size of the last dimension of the input, >= 0.
        hidden_features: the widths of the hidden layers, each >= 0; one int for one layer, none for
            a linear model.
        out_features: size of the last dimension of the output, >= 0.
        activation: makes the module behind each hidden layer, such as nn.Tanh.
        output_activation: makes the one behind the last layer; none when None.
        norm_layer: makes a module from a width, between each hidden layer and its activation.
        dropout: a Dropout of this probability behind each hidden activation; none when 0.
        bias, device, dtype: of every Linear.

    Shapes: input (*, in_features), output (*, out_features). It is a Sequential, and the names in
    the state dict are the places: "0.weight" and "0.bias" of the first layer, with an activation
    and nothing else between layers then "2.weight", "2.bias", "4.weight", ... Initial values are
    Linear's.

    Example:
        >>> nn.MLP(4, [10, 5], 3, activation=nn.Tanh)
        MLP(
          (0): Linear(in_features=4, out_features=10, bias=True)
          (1): Tanh()
          (2): Linear(in_features=10, out_features=5, bias=True)
          (3): Tanh()
          (4): Linear(in_features=5, out_features=3, bias=True)
        )

    Source: 004_207294fe22f678c8.txt and every other deck; 003_35a9ce6660cbb7d5.txt draws 4-10-5-3-1
    and calls no hidden layer a linear model. Widths are listed as in torchvision.ops.MLP.
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: int | Iterable[int],
        out_features: int,
        activation: Callable[[], Module] = ReLU,
        *,
        output_activation: Callable[[], Module] | None = None,
        norm_layer: Callable[[int], Module] | None = None,
        dropout: float = 0.0,
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        widths = _widths("MLP", "hidden_features", hidden_features)
        _require_maker("MLP", activation)
        for maker in (output_activation, norm_layer):
            if maker is not None:
                _require_maker("MLP", maker)
        require_probability("MLP", dropout, "dropout")
        require_bool("MLP", "bias", bias)
        layers: list[Module] = []
        width = require_size("MLP", "in_features", in_features)
        for hidden in widths:
            layers.append(Linear(width, hidden, bias, device, dtype))
            if norm_layer is not None:
                layers.append(norm_layer(hidden))
            layers.append(activation())
            if dropout:
                layers.append(Dropout(dropout))
            width = hidden
        require_size("MLP", "out_features", out_features)
        layers.append(Linear(width, out_features, bias, device, dtype))
        if output_activation is not None:
            layers.append(output_activation())
        super().__init__(*layers)

    def _slice(self, items) -> Any:
        return Sequential(dict(items))


class Autoencoder(Module):
    """An MLP that is trained to give back its input, through a narrow layer, the code.

    Args:
        features: the widths from the input to the code, at least two; [784, 128, 32] is the network
            784-128-32-128-784.
        activation: makes the module behind each hidden layer, the code included.
        code_activation: makes the one behind the code; `activation` when None. nn.Identity leaves
            the code linear.
        output_activation: makes the one behind the output, such as nn.Sigmoid for pixels in [0, 1];
            none when None.
        norm_layer, dropout, bias, device, dtype: as in MLP; there is no dropout on the code.

    Shapes: input and output (*, features[0]); `encoder(x)` is the code, (*, features[-1]), and
    `decoder(code)` the output. Both are MLPs, so the state dict has "encoder.0.weight", ...,
    "decoder.0.weight", ....

    Example:
        >>> net = nn.Autoencoder([784, 128, 32], output_activation=nn.Sigmoid)
        >>> x = chainrule.rand(64, 784)
        >>> net.encoder(x).shape, net(x).shape
        (chainrule.Size([64, 32]), chainrule.Size([64, 784]))
        >>> loss = nn.functional.mse_loss(net(x), x)

    Source: "train an MLP as an autoencoder", 004_207294fe22f678c8.txt.
    """

    def __init__(
        self,
        features: Iterable[int],
        activation: Callable[[], Module] = ReLU,
        *,
        code_activation: Callable[[], Module] | None = None,
        output_activation: Callable[[], Module] | None = None,
        norm_layer: Callable[[int], Module] | None = None,
        dropout: float = 0.0,
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        widths = _widths("Autoencoder", "features", features)
        if len(widths) < 2:
            raise ValueError(
                f"[Autoencoder] expected the widths of input and code at least; got {widths}."
            )
        super().__init__()
        shared: Any = {
            "activation": activation,
            "norm_layer": norm_layer,
            "dropout": dropout,
            "bias": bias,
            "device": device,
            "dtype": dtype,
        }
        first, *between, code = widths
        behind = activation if code_activation is None else code_activation
        self.encoder = MLP(first, between, code, output_activation=behind, **shared)
        self.decoder = MLP(
            code, between[::-1], first, output_activation=output_activation, **shared
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.decoder(self.encoder(input))


def _require_maker(network, maker):
    if isinstance(maker, Module):
        raise TypeError(
            f"[{network}] expected what makes a module, as nn.Tanh; got {type(maker).__name__}(), "
            "a module. Each place gets one of its own."
        )
    require_callable(network, maker)


def _widths(network, name, features):
    """The widths as a list; one int is a list of one."""
    if hasattr(type(features), "__index__"):
        features = [features]
    if isinstance(features, str) or not isinstance(features, Iterable):
        raise TypeError(f"[{network}] expected {name} to be widths; got {features!r:.60}.")
    return [require_size(network, name, width) for width in features]

"""The same step in other libraries. `load(name)` gives its module or says what would install it."""

import importlib

INSTALL = {
    "torch_peer": "pip install torch==2.13.0",
    "numpy_peer": "pip install numpy",
    "jax_peer": "pip install jax",
    "sklearn_peer": "pip install scikit-learn",
}


def load(name):
    """The peer's module, or None after a line that says how to get it."""
    try:
        return importlib.import_module(f"bench.peers.{name}")
    except ModuleNotFoundError as error:
        print(f"skipped {name}: {error.name} is not installed ({INSTALL[name]})")
        return None

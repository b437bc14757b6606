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


def load_all(names, threads):
    """The modules of `torch,numpy`, each told its number of threads; those not installed left out.

    An unknown name is an error.
    """
    wanted = [f"{name}_peer" for name in names.split(",") if name]
    for name in wanted:
        if name not in INSTALL:
            known = ", ".join(known.removesuffix("_peer") for known in INSTALL)
            raise SystemExit(f"expected --peers of {known}; got {name.removesuffix('_peer')!r}")
    peers = [peer for peer in map(load, wanted) if peer]
    for peer in peers:
        peer.set_threads(threads)
    return peers

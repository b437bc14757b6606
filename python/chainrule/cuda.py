"""What programs ask before they choose a device; there is none but the CPU.

Example:
    >>> device = "cuda" if chainrule.cuda.is_available() else "cpu"
"""


def is_available():
    """Whether tensors can live on a GPU: no."""
    return False


def device_count():
    """How many GPUs there are to choose from: 0."""
    return 0

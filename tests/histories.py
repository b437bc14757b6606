"""Leaves, and what tensors show of their history and their bits, for several test files."""

import chainrule as cr


def data(*sizes, seed=0):
    return cr.randn(*sizes, generator=cr.Generator().manual_seed(seed))


def leaf(*sizes, seed=0):
    return data(*sizes, seed=seed).requires_grad_()


def history(results):
    return [(t.requires_grad, t.is_leaf, t.grad_fn is None) for t in results]


def bits(tensors):
    return [None if t is None else t.numpy().tobytes() for t in tensors]

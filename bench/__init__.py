"""Benchmarks: how far from the machine's limit, and how far ahead of the peers, in one run."""

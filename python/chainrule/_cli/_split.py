"""Splitting rows into train, validation and test, the same for the same seed everywhere.

The order comes from chainrule's own generator, whose stream is part of its contract.
"""

import chainrule as cr


def split_rows(data, validation, test, seed):
    """Three index arrays for a `datasets.Data`.

    Classification is stratified: each class is divided by the fractions on its own. A data set's
    official test rows are the test part; `test` is then unused, and `validation` is a fraction of
    the others.
    """
    import numpy as np

    free = len(data.y) - data.official_test
    labels = data.y[:free] if data.task == "classification" else np.zeros(free, dtype=np.int64)
    parts = (validation, 0.0 if data.official_test else test)
    train, held_out, tested = stratified(labels, parts, seed)
    if data.official_test:
        tested = np.arange(free, len(data.y))
    return train, held_out, tested


def stratified(labels, fractions, seed):
    """[rest, part for each fraction]: sorted index arrays; the parts of a class differ by rounding
    only.

    A class gives each part at least one row while it has a row for the rest as well, so that even a
    rare class is trained on first and tested second.
    """
    import numpy as np

    generator = cr.Generator()
    generator.manual_seed(seed)
    order = cr.randperm(len(labels), generator=generator).numpy()
    parts = [[] for _ in range(len(fractions) + 1)]
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        begin = 0
        for part, fraction in zip(parts[1:], fractions):
            left = len(rows) - begin - 1
            count = 0 if fraction == 0 else min(max(round(len(rows) * fraction), 1), left)
            part.append(rows[begin : begin + count])
            begin += count
        parts[0].append(rows[begin:])
    return [np.sort(np.concatenate(part)) for part in parts]

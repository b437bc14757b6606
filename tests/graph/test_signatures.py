"""What is part of a compiled call's signature, and the constants that its programs hold."""

import chainrule as cr


class Scale:
    def __init__(self, factor):
        self.factor = factor


def test_an_object_that_is_gone_is_not_taken_for_the_next_one():
    step = cr.compile(lambda x, scale: x * scale.factor)
    for factor in range(1, 8):
        scale = Scale(float(factor))  # where the last one lay, were nobody to keep that
        for _ in range(4):
            assert step(cr.ones(2), scale).tolist() == [factor, factor]
        del scale

"""A rotary embedding, its half turned and its sign in the constants, against Python integers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.provers.sumcheck.operators.blocks import NARROW, WIDE, program_of, rounded, run_it
from tests.provers.sumcheck.satisfied import holds
from zkdps.provers.sumcheck.operators.combination import Combination
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.reals import read
from zkdps.provers.sumcheck.wires import concatenate, whole

SHAPE = (2, 3, 4)
RNG = np.random.default_rng(0)
FINE = Width(6, -300, 300)


@pytest.mark.parametrize("constant", [0.0, 0.75, RNG.normal(size=4)], ids=["none", "one", "many"])
def test_combination(constant: float | np.ndarray) -> None:
    x = whole("x", SHAPE)
    halves = [x.take((slice(None), slice(None), half)) for half in (slice(2, 4), slice(0, 2))]
    cosine, sine = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4)) * [-1, -1, 1, 1]
    other = whole("z", SHAPE)
    operation = Combination(
        "y",
        ((cosine, x), (sine, concatenate(halves, 2)), (np.array([0.5]), other)),
        constant,
    )
    program = program_of({"x": SHAPE, "z": SHAPE}, operation)
    ran = run_it(program, {"x": NARROW, "z": FINE})
    assert holds(ran.built.system, ran.values)
    turned = np.roll(ran.inputs["x"], 2, axis=-1)
    exact = ran.inputs["x"] / 16 * cosine + turned / 16 * sine + ran.inputs["z"] / 128 + constant
    assert np.abs(ran.flat("y", SHAPE).astype(float) / 64 - exact).max() < 1 / 64
    bits = ran.built.widths["y.factor.0"].scale_bits
    one, two = (np.rint(part * 2.0**bits).astype(object) for part in (cosine, sine))
    shift = np.rint(np.asarray(constant) * 2.0 ** (6 + bits)).astype(object)
    acc = 4 * ran.inputs["x"].astype(object) * one + 4 * turned.astype(object) * two
    acc = acc + ran.inputs["z"].astype(object) * int(0.5 * 2**bits) + shift
    assert (ran.flat("y", SHAPE) == rounded(acc, 6 + bits, WIDE)).all()
    values = {"x": ran.inputs["x"] / 16.0, "z": ran.inputs["z"] / 64.0}
    operands = [read(wire, values) for wire in operation.reads]
    np.testing.assert_allclose(operation.real(operands), exact)

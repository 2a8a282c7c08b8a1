"""Widths: a function of the program and of what calibration saw, the same on both sides."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zkdps.core.canonical import canonical_json
from zkdps.core.errors import LayoutFailed
from zkdps.provers.sumcheck import reals, widths
from zkdps.provers.sumcheck.operators.addition import Addition
from zkdps.provers.sumcheck.operators.attention import Attention
from zkdps.provers.sumcheck.operators.calibrated import fitting_scale, signed
from zkdps.provers.sumcheck.operators.gather import Gather
from zkdps.provers.sumcheck.operators.interface import Operator
from zkdps.provers.sumcheck.operators.linear import Linear
from zkdps.provers.sumcheck.operators.maximum import Maximum
from zkdps.provers.sumcheck.operators.norm import Norm
from zkdps.provers.sumcheck.operators.table import Table
from zkdps.provers.sumcheck.program import InputSpec, Kind, Program, Width
from zkdps.provers.sumcheck.wires import Wire, whole

RNG = np.random.default_rng(3)
X = whole("x", (4, 6))


def linear(name: str, source: str) -> Linear:
    weight = RNG.normal(size=(6, 6))
    return Linear(name, whole(source, (4, 6)), weight, None, ("tk", "kn", "tn"))


def heads(name: str) -> Wire:
    return whole(name, (4, 6)).reshape((1, 4, 6))


def program() -> Program:
    operations: tuple[Operator, ...] = (
        *(linear(name, "x") for name in "qkv"),
        Attention("a", heads("q"), heads("k"), heads("v"), 0.4),
        linear("o", "a"),
        Norm("n", (X, whole("o", (4, 6))), np.ones(6), None, 1e-5),
        linear("t", "n"),
        Table("g", whole("t", (4, 6)), np.tanh),
        Addition("z", ((1.0, whole("g", (4, 6))), (1.0, whole("n", (4, 6))))),
    )
    outputs = (("y", whole("z", (4, 6))), ("w", whole("t", (4, 6))))
    return Program((InputSpec("x", (4, 6), Kind.REAL),), operations, outputs)


def maxima(of: Program) -> dict[str, float]:
    _, sizes = reals.measured(of, {"x": RNG.normal(size=(4, 6)) * 3})
    return {name: 1.5 * size for name, size in sizes.items()}


def test_bits_by_what_consumes_a_value() -> None:
    made = program()
    seen = maxima(made)
    chosen = widths.choose(made, seen, 8, 0)

    def bits(name: str) -> int:
        return (chosen(name).count - 1).bit_length()

    assert [bits(name) for name in ("q", "k", "v", "a", "o", "n", "t", "g")] == [
        12,
        12,
        12,
        12,
        16,
        14,
        13,
        16,
    ]
    # A mean of values has their scale, whatever it becomes itself.
    assert chosen("a") == chosen("v")
    # Read by outputs alone: the boundary's width, so that it is committed once.
    assert chosen("z") == chosen("y")
    assert chosen("y").scale_bits == chosen("w").scale_bits == 8
    for name in ("q", "o", "t", "g"):
        width = chosen(name)
        assert seen[name] * 2.0**width.scale_bits <= width.high
        assert seen[name] * 2.0 ** (width.scale_bits + 1) > width.high


def test_a_choice_is_deterministic_and_canonical() -> None:
    made = program()
    seen = maxima(made)
    record = widths.choose(made, seen, 8, 0).record()
    assert record == widths.choose(made, dict(reversed(seen.items())), 8, 0).record()
    assert json.loads(canonical_json(record)) == record


def test_boundaries_depend_on_their_own_magnitude_alone() -> None:
    made = program()
    seen = maxima(made)
    changed = {name: size * (1 if name in ("x", "y") else 2) for name, size in seen.items()}
    one, other = widths.choose(made, seen, 8, 0), widths.choose(made, changed, 8, 1)
    assert one("x") == other("x")
    assert one("y") == other("y")
    consumer = Program((InputSpec("y", (4, 6), Kind.REAL),), (), ())
    assert widths.choose(consumer, {"y": seen["y"]}, 8, 1)("y") == one("y")


def test_inputs_that_are_no_reals() -> None:
    ids = InputSpec("ids", (4,), Kind.INTEGER)
    kept = InputSpec("m", (4,), Kind.BOOLEAN)
    gather = Gather("e", whole("ids", (4,)), RNG.normal(size=(30, 6)))
    made = Program((ids, kept), (gather,), (("y", whole("e", (4, 6))),))
    chosen = widths.choose(made, {"ids": 7.0, "m": 1.0, "e": 2.0, "y": 2.0}, 8, 0)
    assert chosen("ids") == Width(0, 0, 29)
    assert chosen("m") == Width(0, 0, 1)


def test_an_exact_copy_asks_for_what_its_readers_ask() -> None:
    operations = (
        linear("l", "x"),
        Maximum("m", whole("l", (4, 6))),
        Table("g", whole("m", (4,)), np.tanh),
    )
    outputs = (("y", whole("g", (4,))),)
    made = Program((InputSpec("x", (4, 6), Kind.REAL),), operations, outputs)
    chosen = widths.choose(made, maxima(made), 8, 0)
    assert chosen("l").count == 1 << 13
    assert chosen("m") == chosen("l")


def test_a_stream_with_a_massive_entry_gets_more_bits() -> None:
    """The sum, and what is added to it, as long as norms alone read them."""
    stream = Addition("s", ((1.0, whole("o", (4, 6))), (1.0, X)))
    norm = Norm("n", (whole("s", (4, 6)),), None, None, 1e-5)
    operations = (linear("o", "x"), stream, norm)
    inputs = (InputSpec("x", (4, 6), Kind.REAL),)
    made = Program(inputs, operations, (("y", whole("n", (4, 6))),))
    seen = {"x": 3.0, "o": 3.0, "s": 5.0, "n": 2.0, "y": 2.0}
    calm = {**seen, "n.deviation": 6.0, "n.quiet": 1 / 4}
    chosen = widths.choose(made, calm, 8, 0)
    assert chosen("s").count == chosen("o").count == 1 << 16
    massive = {**seen, "o": 4000.0, "s": 4000.0, "n.deviation": 5000.0, "n.quiet": 1 / 4}
    chosen = widths.choose(made, massive, 8, 0)
    assert chosen("s").count == chosen("o").count == 1 << 19
    assert 2.0 ** -chosen("s").scale_bits <= 4 / 6**0.5 / 64
    wild = {**massive, "o": 1e7, "s": 1e7}
    assert widths.choose(made, wild, 8, 0)("s").count == 1 << 20


def test_refusals() -> None:
    made = program()
    seen = maxima(made)
    with pytest.raises(LayoutFailed, match="no magnitude of 'q'"):
        widths.choose(made, {name: size for name, size in seen.items() if name != "q"}, 8, 0)
    with pytest.raises(LayoutFailed, match=r"no magnitude of 'a\.gap'"):
        widths.choose(made, {name: size for name, size in seen.items() if name != "a.gap"}, 8, 0)
    with pytest.raises(LayoutFailed, match="boundary has at most"):
        widths.choose(made, {**seen, "x": 1e6}, 8, 0)
    with pytest.raises(LayoutFailed, match="no width"):
        widths.choose(made, seen, 8, 0)("nothing")


def test_scales() -> None:
    assert signed(8, 3) == Width(3, -128, 127)
    assert fitting_scale(127, 1.0) == 6
    assert fitting_scale(127, 127.0) == 0
    assert fitting_scale(127, 128.0) == -1

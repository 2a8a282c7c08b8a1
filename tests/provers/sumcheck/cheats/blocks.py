"""Small blocks that cheats are tried on, and executions that lie in chosen places.

`forged` runs a block's own steps, and puts other integers in where it is told to; whatever is
computed later follows from them, multiplicities too, as a careful cheater would have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np

from tests.provers.sumcheck.cheats.attempt import Claimed, built_case
from tests.provers.sumcheck.operators.blocks import Ran, program_of, run_it
from tests.provers.sumcheck.satisfied import faults
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.integers import form_integers
from zkdps.provers.sumcheck.operators.attention import Attention
from zkdps.provers.sumcheck.operators.gather import Gather
from zkdps.provers.sumcheck.operators.linear import Linear
from zkdps.provers.sumcheck.operators.maximum import Maximum
from zkdps.provers.sumcheck.operators.norm import Norm
from zkdps.provers.sumcheck.operators.ratio import WeightedMean
from zkdps.provers.sumcheck.operators.softmax import Softmax
from zkdps.provers.sumcheck.operators.table import Table
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.system import Int64s, System, Values
from zkdps.provers.sumcheck.wires import whole

Lie = Callable[[Mapping[str, Int64s]], object]
"""From everything computed so far, the tensor's own integers included, to other ones."""

RNG = np.random.default_rng(11)
NEAR = dict.fromkeys(("y", "out"), Width(4, -1024, 1023))


@cache
def linear() -> Ran:
    """y = x W + b, rounded."""
    weight, bias = RNG.normal(size=(5, 2)), RNG.normal(size=2)
    operation = Linear("y", whole("x", (3, 5)), weight, bias, ("tk", "kn", "tn"))
    return run_it(program_of({"x": (3, 5)}, operation), NEAR)


SCORES = {
    "y.score": Width(4, -128, 127),
    "y.gap": Width(4, 0, 255),
    "y.weight": Width(8, 0, 256),
}


@cache
def softmax() -> Ran:
    """Rows with a tie, and with one maximum."""
    chosen = Width(10, 0, 1 << 10)
    x = np.array([[5, 40, -3, 40], [9, -60, 8, 70]])
    return run_it(
        program_of({"x": (2, 4)}, Softmax("y", whole("x", (2, 4)))),
        {**SCORES, "y": chosen, "out": chosen},
        inputs={"x": x},
    )


@cache
def attention() -> Ran:
    """Two heads, three queries and keys; the mask forbids the last key, whose score is largest."""
    return _attention(masked=True)


@cache
def causal() -> Ran:
    """The same, but queries read no later keys: later scores are larger."""
    return _attention(masked=False)


def _attention(masked: bool) -> Ran:
    heads, keys, inner = 2, 3, 2
    small = Width(3, -31, 31)
    query, key, value = (
        whole(name, (keys, heads * inner)).reshape((keys, heads, inner)).transpose((1, 0, 2))
        for name in "qkv"
    )
    mask = whole("m", (keys,)) if masked else None
    operation = Attention("y", query, key, value, 0.5, is_causal=not masked, mask=mask)
    rng = np.random.default_rng(3)
    inputs = {name: rng.integers(-9, 10, (keys, heads * inner)) for name in "qkv"}
    inputs["q"] = np.abs(inputs["q"]) + 1
    inputs["k"][2] = 31
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys("qkv", (keys, heads * inner))
    if masked:
        inputs["m"], shapes["m"] = np.array([1, 1, 0]), (keys,)
    widths = {
        **dict.fromkeys("qkv", small),
        "m": Width(0, 0, 1),
        **SCORES,
        "y.score": Width(4, -512, 511),
        "y.gap": Width(4, 0, 1023),
        "y": small,
        "out": small,
    }
    return run_it(program_of(shapes, operation, public=("m",) * masked), widths, inputs=inputs)


def norm(inputs: Int64s) -> Ran:
    """LayerNorm of two rows of eight wide integers."""
    x, result = Width(0, -(1 << 15), (1 << 15) - 1), Width(6, -(1 << 12), (1 << 12) - 1)
    root = Width(0, 0, (1 << 15) - 1)
    widths = {"x": x, "y": result, "out": result, "y.deviation": root, "y.numerator": root}
    gain, bias = np.linspace(0.5, 1.5, 8), np.linspace(-1, 1, 8)
    operation = Norm("y", (whole("x", (2, 8)),), gain, bias, 1e-5)
    return run_it(program_of({"x": (2, 8)}, operation), widths, inputs={"x": inputs})


@cache
def narrow_norm() -> Ran:
    return norm(np.random.default_rng(5).integers(-9000, 9000, (2, 8)))


@cache
def table() -> Ran:
    operation = Table("y", whole("x", (2, 3)), np.tanh)
    return run_it(program_of({"x": (2, 3)}, operation), {**NEAR, "y.key": Width(4, -100, 100)})


@cache
def gather() -> Ran:
    operation = Gather("y", whole("ids", (4,)), RNG.normal(size=(6, 3)))
    return run_it(
        program_of({"ids": (4,)}, operation, public=("ids",)), {**NEAR, "ids": Width(0, 0, 5)}
    )


@cache
def mean() -> Ran:
    """The mean of the entries that a public mask keeps."""
    operation = WeightedMean("y", whole("x", (3, 2)), whole("m", (3,)))
    return run_it(
        program_of({"x": (3, 2), "m": (3,)}, operation, public=("m",)),
        {**NEAR, "m": Width(0, 0, 1)},
        inputs={"m": np.array([1, 0, 1])},
    )


@cache
def maximum() -> Ran:
    return run_it(
        program_of({"x": (2, 5)}, Maximum("y", whole("x", (2, 5)))),
        {"y": Width(4, -100, 100), "out": Width(4, -100, 100)},
        inputs={"x": np.array([[3, 50, 50, -9, 2], [-5, -4, -3, -2, -1]])},
    )


def honest(ran: Ran) -> Claimed:
    """The honest execution."""
    return built_case(ran.built, ran.values)


def forged(
    ran: Ran,
    lies: Mapping[str, Lie],
    inputs: Mapping[str, Int64s] | None = None,
    late: Mapping[str, Lie] | None = None,
) -> Claimed:
    """An execution with lies about some tensors, and everything after them to match.

    Args:
        lies: replace what a step has computed, or an input before any step.
        inputs: other inputs.
        late: replace integers once all is computed.
    """
    built = ran.built
    known = {name: np.asarray(x) for name, x in {**ran.inputs, **(inputs or {})}.items()}
    known = {**known, **built.weights}
    left = dict(lies)
    for name in [name for name in left if name in known]:
        known[name] = np.asarray(left.pop(name)(known), np.int64)
    for step in built.steps:
        for name, integers in zip(step.names, step.compute(known), strict=True):
            known[name] = np.asarray(integers)
        for name in [name for name in step.names if name in left]:
            shape = known[name].shape
            known[name] = np.asarray(left.pop(name)(known), np.int64).reshape(shape)
    assert not left, f"no such tensors: {sorted(left)}"
    for name, lie in (late or {}).items():
        known[name] = np.asarray(lie(known), np.int64).reshape(known[name].shape)
    values = {
        position: known[name].reshape(built.system.tensors[position].shape)
        for name, position in built.positions.items()
        if name in known
    }
    return built_case(built, with_counts(built.system, values))


def with_counts(system: System, values: Values) -> Values:
    """Multiplicities of all keys that are in their table."""
    counts = {table.multiplicity: np.zeros(table.rows, np.int64) for table in system.tables}
    for lookup in system.lookups:
        held = system.tables[lookup.table]
        rows = (form_integers(system, values, lookup.key).ravel() - held.low) % P
        inside = rows < held.rows
        np.add.at(counts[held.multiplicity], rows[inside], 1)
    return {**values, **counts}


def broken(case: Claimed) -> list[str]:
    """What does not hold, without the places: `relation y`, `key of x`, `value of y`."""
    found = (name.split(" at ")[0] for name in faults(case.system, case.values))
    return sorted(set(found))


def residue(value: int) -> int:
    """The centred representative modulo p."""
    return (value + P // 2) % P - P // 2

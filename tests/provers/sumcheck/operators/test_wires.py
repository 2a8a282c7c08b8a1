"""Wiring equals numpy, and what the views of a system read is exactly what the wire reads."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.provers.sumcheck.operators.blocks import program_of, run_it
from tests.provers.sumcheck.satisfied import holds
from zkdps.core.errors import LayoutFailed
from zkdps.provers.sumcheck.operators.addition import Addition
from zkdps.provers.sumcheck.operators.product import Product
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.views import affine_indices, common_factors, positions
from zkdps.provers.sumcheck.wires import Wire, concatenate, whole

Array = np.ndarray
Pair = tuple[Wire, Array]


@st.composite
def wirings(draw: st.DrawFn) -> tuple[dict[str, Array], Wire, Array]:
    """Values, a wire over them, and what numpy makes of the same moves."""
    values: dict[str, Array] = {}

    def fresh(shape: tuple[int, ...]) -> Pair:
        name = f"v{len(values)}"
        start = 1 + sum(v.size for v in values.values())
        values[name] = np.arange(start, start + math.prod(shape)).reshape(shape)
        return whole(name, shape), values[name]

    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    wire, array = fresh(shape)
    for move in draw(st.lists(st.sampled_from(sorted(MOVES)), max_size=4)):
        if move == "concatenate":
            axis = draw(st.integers(0, array.ndim - 1))
            other, beside = fresh(array.shape)
            if draw(st.booleans()):
                other, beside = wire, array
            wire, array = concatenate([wire, other], axis), np.concatenate([array, beside], axis)
        else:
            wire, array = MOVES[move](draw, wire, array)
    return values, wire, array


def _reshape(draw: st.DrawFn, wire: Wire, array: Array) -> Pair:
    size = array.size
    shape: list[int] = []
    while size > 1 and len(shape) < 3:
        factor = draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))
        shape.append(factor)
        size //= factor
    shape.append(size)
    return wire.reshape(shape), array.reshape(shape)


def _transpose(draw: st.DrawFn, wire: Wire, array: Array) -> Pair:
    order = draw(st.permutations(range(array.ndim)))
    return wire.transpose(order), array.transpose(order)


def _take(draw: st.DrawFn, wire: Wire, array: Array) -> Pair:
    chosen = []
    for size in array.shape:
        start = draw(st.integers(0, size - 1))
        chosen.append(slice(start, draw(st.integers(start + 1, size)), draw(st.integers(1, 2))))
    return wire.take(chosen), array[tuple(chosen)]


def _pad(draw: st.DrawFn, wire: Wire, array: Array) -> Pair:
    pairs = [(draw(st.integers(0, 1)), draw(st.integers(0, 1))) for _ in array.shape]
    before, after = zip(*pairs, strict=True)
    return wire.pad(before, after), np.pad(array, pairs)


def _broadcast(draw: st.DrawFn, wire: Wire, array: Array) -> Pair:
    shape = (draw(st.integers(1, 3)), *array.shape)
    return wire.broadcast_to(shape), np.broadcast_to(array, shape)


def _repeat(draw: st.DrawFn, wire: Wire, array: Array) -> Pair:
    axis, times = draw(st.integers(0, array.ndim - 1)), draw(st.integers(1, 3))
    return wire.repeat(times, axis), np.repeat(array, times, axis)


def _indexed(draw: st.DrawFn, wire: Wire, array: Array) -> Pair:
    places = np.array(draw(st.lists(st.integers(-1, array.size - 1), min_size=1, max_size=5)))
    return wire.indexed(places), np.where(places < 0, 0, array.reshape(-1)[places])


MOVES: dict[str, Callable[[st.DrawFn, Wire, Array], Pair]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "take": _take,
    "pad": _pad,
    "broadcast": _broadcast,
    "repeat": _repeat,
    "indexed": _indexed,
}
MOVES["concatenate"] = _reshape


@given(wirings())
@settings(max_examples=150, deadline=None)
def test_wiring_is_numpy(case: tuple[dict[str, Array], Wire, Array]) -> None:
    values, wire, array = case
    assert wire.shape == array.shape
    assert np.array_equal(wire.read(values), array)


@given(wirings())
@settings(max_examples=100, deadline=None)
def test_a_block_reads_what_the_wire_reads_or_refuses(
    case: tuple[dict[str, Array], Wire, Array],
) -> None:
    values, wire, array = case
    inputs = {name: held.shape for name, held in values.items()}
    program = program_of(inputs, outputs=(("out", wire),))
    given_values = {name: held - 50 for name, held in values.items()}
    try:
        ran = run_it(program, inputs={n: np.minimum(v, 100) for n, v in given_values.items()})
    except LayoutFailed as error:
        assert "not affine" in error.reason or "together" in error.reason
        return
    expected = np.asarray(wire.read(ran.inputs)) * 4
    assert (ran.flat("out", array.shape) == expected).all()
    if array.size < 200:
        assert holds(ran.built.system, ran.values)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple), st.data())
@settings(max_examples=100, deadline=None)
def test_affine_indices_invert_positions(shape: tuple[int, ...], data: st.DataObject) -> None:
    size = math.prod(shape)
    index = np.array(data.draw(st.lists(st.integers(-1, size - 1), min_size=1, max_size=6)))
    found = affine_indices(index, shape)
    if found is not None:
        assert np.array_equal(positions(found, index.shape, shape), index)


def patterns() -> dict[str, tuple[dict[str, tuple[int, ...]], Wire]]:
    """Wirings of real models, each of which must be expressible."""
    x = whole("x", (3, 8))
    image = whole("x", (2, 3, 4, 4))
    halves = [x.take((slice(None), slice(4, None))), x.take((slice(None), slice(0, 4)))]
    return {
        "heads": ({"x": (3, 8)}, x.reshape((3, 2, 4)).transpose((1, 0, 2))),
        "merged heads": (
            {"x": (2, 3, 4)},
            whole("x", (2, 3, 4)).transpose((1, 0, 2)).reshape((3, 8)),
        ),
        "query of a joint projection": (
            {"x": (3, 12)},
            whole("x", (3, 12)).take((slice(None), slice(4, 8))).reshape((3, 2, 2)),
        ),
        "rotary halves": ({"x": (3, 8)}, concatenate(halves, 1)),
        "rotary halves in heads": (
            {"x": (3, 8)},
            concatenate(
                [
                    x.reshape((3, 2, 4)).take((slice(None), slice(None), slice(2, 4))),
                    x.reshape((3, 2, 4)).take((slice(None), slice(None), slice(0, 2))),
                ],
                2,
            ),
        ),
        "grouped keys": (
            {"x": (3, 8)},
            x.reshape((3, 2, 4)).transpose((1, 0, 2)).repeat(3, 0),
        ),
        "tiled": ({"x": (3, 8)}, concatenate([x, x], 0)),
        "windows": (
            {"x": (2, 3, 4, 4)},
            image.pad((0, 0, 1, 1), (0, 0, 1, 1)).windows((2, 3), (3, 3), (2, 1), (1, 1)),
        ),
        "dilated windows": (
            {"x": (2, 3, 4, 4)},
            image.pad((0, 0, 2, 2), (0, 0, 2, 2)).windows((2, 3), (3, 3), (1, 1), (2, 2)),
        ),
        "flattened windows": (
            {"x": (2, 3, 4, 4)},
            image.windows((2, 3), (2, 2), (2, 2), (1, 1))
            .transpose((0, 2, 3, 1, 4, 5))
            .reshape((2, 4, 12)),
        ),
        "first token": ({"x": (3, 8)}, x.take((0,))),
        "class token": ({"x": (3, 8)}, x.pad((1, 0), (0, 0))),
        "two values": (
            {"x": (3, 8), "z": (1, 8)},
            concatenate([whole("z", (1, 8)), x], 0).reshape((4, 2, 4)),
        ),
        "interleaved": (
            {"x": (3, 4), "z": (3, 4)},
            concatenate(
                [whole("x", (3, 4)).reshape((3, 4, 1)), whole("z", (3, 4)).reshape((3, 4, 1))], 2
            ).reshape((3, 8)),
        ),
        "channels last": ({"x": (2, 3, 4, 4)}, image.transpose((0, 2, 3, 1)).reshape((32, 3))),
        "flat": ({"x": (2, 3, 4, 4)}, image.reshape((2, 48))),
        "strided": ({"x": (3, 8)}, x.take((slice(None), slice(1, None, 2)))),
        "scalar": ({"x": (1, 1)}, whole("x", (1, 1)).reshape(())),
    }


@pytest.mark.parametrize("name", sorted(patterns()))
@pytest.mark.parametrize("inner", [False, True])
def test_wirings_of_models_are_expressible(name: str, inner: bool) -> None:
    """From a boundary tensor, and from a value whose storage is the builder's choice."""
    inputs, wire = patterns()[name]
    operations = []
    if inner:
        for value in inputs:
            operations.append(Addition(f"{value}'", ((1.0, whole(value, inputs[value])),)))
        parts = tuple(type(p)(f"{p.value}'", p.index) for p in wire.parts)
        wire = Wire(wire.shape, parts)
    ran = run_it(program_of(inputs, *operations, outputs=(("out", wire),)))
    values = {**ran.inputs, **{f"{n}'": 4 * v for n, v in ran.inputs.items()}}
    expected = np.asarray(wire.read(values)) * (1 if inner else 4)
    assert (ran.flat("out", wire.shape) == expected).all()
    assert holds(ran.built.system, ran.values)


def test_two_readings_of_one_value() -> None:
    """Heads and the flat row at once; labels are cut where they must be."""
    x = whole("x", (3, 8))
    heads = x.reshape((3, 2, 4)).transpose((1, 0, 2)).reshape((2, 12))
    operations = (
        Product("y", heads, whole("z", (2, 12))),
        Product("w", whole("y", (2, 12)).reshape((24,)), x.reshape((24,))),
    )
    ran = run_it(program_of({"x": (3, 8), "z": (2, 12)}, *operations))
    assert holds(ran.built.system, ran.values)


def test_a_boundary_tensor_that_its_axes_cannot_express_is_copied() -> None:
    """A window over a flattened axis crosses rows of the storage."""
    wire = whole("x", (3, 4)).reshape((12,)).take((slice(2, 9),))
    ran = run_it(program_of({"x": (3, 4)}, outputs=(("out", wire),)))
    assert "x.copy" in [tensor.name for tensor in ran.built.system.tensors]
    assert (ran["out"] == 4 * ran.inputs["x"].reshape(-1)[2:9]).all()
    assert holds(ran.built.system, ran.values)


def test_a_result_that_is_an_output_is_committed_once() -> None:
    x = whole("x", (3, 4))
    program = program_of({"x": (3, 4)}, Product("y", x, x))
    ran = run_it(program)
    names = [tensor.name for tensor in ran.built.system.tensors]
    assert "out" in names
    assert "y" not in names
    other = run_it(program, {"y": Width(3, -(1 << 14), (1 << 14) - 1)})
    assert {"y", "out"} <= {tensor.name for tensor in other.built.system.tensors}
    for each in (ran, other):
        assert holds(each.built.system, each.values)


def test_an_arbitrary_permutation_is_refused_by_name() -> None:
    wire = whole("x", (7,)).indexed(np.array([0, 3, 1, 2, 6, 5, 4]))
    with pytest.raises(LayoutFailed, match=r"'x'.*not affine"):
        run_it(program_of({"x": (7,)}, outputs=(("out", wire),)))


@pytest.mark.parametrize(
    ("left", "right", "both"),
    [
        ((12,), (3, 4), (3, 4)),
        ((2, 6), (6, 2), (2, 3, 2)),
        ((2, 6), (3, 4), None),
        ((1,), (1,), (1,)),
        ((8,), (8,), (8,)),
    ],
)
def test_common_factors(
    left: tuple[int, ...], right: tuple[int, ...], both: tuple[int, ...] | None
) -> None:
    assert common_factors(left, right) == both

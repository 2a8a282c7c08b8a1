"""Each operator's integers are those that its docstring states, and satisfy its relations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.provers.sumcheck.operators.blocks import NARROW, WIDE, Ran, program_of, rounded, run_it
from tests.provers.sumcheck.satisfied import faults, holds
from zkdps.core.errors import LayoutFailed, OutOfRange
from zkdps.provers.sumcheck.operators.addition import Addition
from zkdps.provers.sumcheck.operators.contraction import Contraction
from zkdps.provers.sumcheck.operators.gather import Gather
from zkdps.provers.sumcheck.operators.linear import Linear
from zkdps.provers.sumcheck.operators.mean import Mean
from zkdps.provers.sumcheck.operators.product import Product
from zkdps.provers.sumcheck.operators.scaling import Scaling
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.wires import concatenate, whole

RNG = np.random.default_rng(7)


def weights_of(ran: Ran, name: str) -> tuple[np.ndarray, int]:
    return ran.built.weights[name].astype(object), ran.built.widths[name].scale_bits


def dot(left: np.ndarray, right: np.ndarray, letters: str) -> np.ndarray:
    return np.asarray(np.einsum(letters, left, right))


@pytest.mark.parametrize(("t", "k", "n"), [(1, 1, 1), (3, 5, 2), (2, 96, 3), (4, 3, 7)])
def test_linear(t: int, k: int, n: int) -> None:
    x = whole("x", (t, k))
    weight, bias = RNG.normal(size=(k, n)) / k**0.5, RNG.normal(size=n)
    ran = run_it(program_of({"x": (t, k)}, Linear("y", x, weight, bias, ("tk", "kn", "tn"))))
    w, w_bits = weights_of(ran, "y.weight")
    b, _ = weights_of(ran, "y.bias")
    assert (w == np.rint(weight * 2.0**w_bits)).all()
    assert np.abs(w).max() <= 4095
    assert (b == np.rint(bias * 2.0 ** (w_bits + 4))).all()
    acc = dot(ran.inputs["x"].astype(object), w, "tk,kn->tn") + b
    assert (ran["y"].reshape(t, n) == rounded(acc, 4 + w_bits, WIDE)).all()
    assert holds(ran.built.system, ran.values)


def test_linear_over_two_summed_dimensions() -> None:
    """A convolution: windows with padding, channels and window positions summed."""
    x = whole("x", (1, 2, 4, 5)).pad((0, 0, 1, 1), (0, 0, 1, 1))
    seen = x.windows((2, 3), (3, 3), (2, 1), (1, 1))
    weight = RNG.normal(size=(2, 3, 3, 3))
    operation = Linear("y", seen, weight, None, ("nchwij", "cijm", "nmhw"))
    ran = run_it(program_of({"x": (1, 2, 4, 5)}, operation))
    w, bits = weights_of(ran, "y.weight")
    padded = np.pad(ran.inputs["x"][0], ((0, 0), (1, 1), (1, 1))).astype(object)
    for m in range(3):
        for h in range(2):
            for j in range(5):
                acc = (padded[:, 2 * h : 2 * h + 3, j : j + 3] * w[..., m]).sum()
                got = ran.flat("y", (3, 2, 5))[m, h, j]
                assert got == rounded(np.array(acc), 4 + bits, WIDE)
    assert holds(ran.built.system, ran.values)


@pytest.mark.parametrize("factor", [1.0, 0.125, -1.0, 0.3])
def test_contraction(factor: float) -> None:
    h, t, d = 2, 3, 4
    q = whole("q", (t, h * d)).reshape((t, h, d)).transpose((1, 0, 2))
    k = whole("k", (t, h * d)).reshape((t, h, d)).transpose((1, 0, 2))
    operation = Contraction("s", q, k, ("hid", "hjd", "hij"), factor)
    ran = run_it(program_of({"q": (t, h * d), "k": (t, h * d)}, operation))
    bits = ran.built.widths["s.remainder"].high.bit_length() if factor != 1.0 else 2
    e = bits + 6 - 8
    f = round(factor * 2**e)
    left, right = (ran.inputs[n].reshape(t, h, d).astype(object) for n in "qk")
    acc = f * dot(left, right, "ihd,jhd->hij")
    assert (ran.flat("s", (h, t, t)) == rounded(acc, 8 + e, WIDE)).all()
    assert holds(ran.built.system, ran.values)


def test_contraction_over_a_broadcast_dimension_counts_it() -> None:
    left = whole("x", (3, 1)).broadcast_to((3, 5))
    right = whole("z", (1,)).broadcast_to((5,))
    ran = run_it(
        program_of({"x": (3, 1), "z": (1,)}, Contraction("y", left, right, ("ik", "k", "i")))
    )
    acc = 5 * ran.inputs["x"][:, 0].astype(object) * int(ran.inputs["z"][0])
    assert (ran["y"] == rounded(acc, 8, WIDE)).all()
    assert holds(ran.built.system, ran.values)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (1, 7)])
@pytest.mark.parametrize("constant", [0.0, 0.75, "array"])
def test_addition(shape: tuple[int, ...], constant: float | str) -> None:
    added = RNG.normal(size=shape[1:]) if constant == "array" else np.array(float(constant))
    operands = ((1.0, whole("x", shape)), (-0.5, whole("z", shape[1:])))
    program = program_of({"x": shape, "z": shape[1:]}, Addition("y", operands, added))
    ran = run_it(program, {"z": Width(7, -50, 20)})
    x, z = ran.inputs["x"].astype(object), ran.inputs["z"].astype(object)
    acc = 2 * 8 * x - z + np.rint(np.asarray(added) * 2**8).astype(np.int64)
    assert (ran.flat("y", shape) == rounded(acc, 8, WIDE)).all()
    assert holds(ran.built.system, ran.values)


def test_addition_of_awkward_coefficients() -> None:
    operands = ((1 / 3, whole("x", (4,))), (0.1, whole("z", (4,))))
    ran = run_it(program_of({"x": (4,), "z": (4,)}, Addition("y", operands)))
    exact = ran.inputs["x"] / 3 + ran.inputs["z"] / 10
    assert np.abs(ran["y"].astype(float) / 4 - exact).max() < 0.2
    assert holds(ran.built.system, ran.values)


@pytest.mark.parametrize("widths", [{}, {"y": Width(10, -(1 << 19), (1 << 19) - 1)}])
def test_product(widths: dict[str, Width]) -> None:
    """Rounded; and with a finer result, whose range takes two limbs."""
    program = program_of(
        {"x": (3, 1), "z": (4,)}, Product("y", whole("x", (3, 1)), whole("z", (4,)))
    )
    ran = run_it(program, {**widths, "out": Width(6, -(1 << 15), (1 << 15) - 1)})
    acc = ran.inputs["x"].astype(object) * ran.inputs["z"].astype(object)
    assert (ran.flat("y", (3, 4)) == rounded(acc, 8, ran.built.widths["y"])).all()
    assert holds(ran.built.system, ran.values)


def test_square() -> None:
    ran = run_it(program_of({"x": (5,)}, Product("y", whole("x", (5,)), whole("x", (5,)))))
    assert (ran["y"] == rounded(ran.inputs["x"].astype(object) ** 2, 8, WIDE)).all()
    assert holds(ran.built.system, ran.values)


@pytest.mark.parametrize("factor", ["array", 0.3, 4.0])
@pytest.mark.parametrize("bias", [0.0, 0.5, "array"])
def test_scaling(factor: float | str, bias: float | str) -> None:
    by = RNG.normal(size=(3, 4)) if factor == "array" else np.array(float(factor))
    plus = RNG.normal(size=4) if bias == "array" else np.array(float(bias))
    operation = Scaling("y", whole("x", (2, 3, 4)), by, plus)
    ran = run_it(program_of({"x": (2, 3, 4)}, operation))
    exact = ran.inputs["x"] / 16 * by + plus
    assert np.abs(ran.flat("y", (2, 3, 4)).astype(float) / 64 - exact).max() < 1 / 64
    assert holds(ran.built.system, ran.values)
    if factor == "array" and bias == "array":
        f, e = weights_of(ran, "y.factor")
        b, bits = weights_of(ran, "y.bias")
        assert bits == 4 + e
        acc = ran.inputs["x"].astype(object) * f + b
        assert (ran.flat("y", (2, 3, 4)) == rounded(acc, 4 + e, WIDE)).all()


@pytest.mark.parametrize("shape", [(1, 3), (3, 96), (2, 1)])
def test_mean(shape: tuple[int, int]) -> None:
    ran = run_it(program_of({"x": shape}, Mean("y", whole("x", shape), (1,), 1 / shape[1])))
    exact = ran.inputs["x"].mean(axis=1) / 16
    assert np.abs(ran["y"].astype(float) / 64 - exact).max() < 1 / 64
    assert holds(ran.built.system, ran.values)


def test_sum_of_a_repeated_entry() -> None:
    x = whole("x", (3, 1)).broadcast_to((3, 4))
    ran = run_it(program_of({"x": (3, 1)}, Mean("y", x, (1,), 1.0)))
    assert (ran["y"] == 4 * 4 * ran.inputs["x"][:, 0]).all()
    assert holds(ran.built.system, ran.values)


@pytest.mark.parametrize("shape", [(1, 4), (2, 3), (5,)])
def test_gather(shape: tuple[int, ...]) -> None:
    table = RNG.normal(size=(9, 3))
    operation = Gather("y", whole("ids", shape), table)
    ran = run_it(program_of({"ids": shape}, operation, public=("ids",)), {"ids": Width(0, 0, 8)})
    expected = np.rint(table * 64)[ran.inputs["ids"]]
    assert (ran.flat("y", (*shape, 3)) == expected).all()
    assert holds(ran.built.system, ran.values)


def test_gather_refuses_numbers_beyond_its_rows() -> None:
    operation = Gather("y", whole("ids", (4,)), RNG.normal(size=(9, 3)))
    with pytest.raises(LayoutFailed, match="9 rows"):
        run_it(program_of({"ids": (4,)}, operation, public=("ids",)), {"ids": Width(0, 0, 9)})


def test_gather_refuses_numbers_that_are_not_public() -> None:
    operation = Gather("y", whole("ids", (4,)), RNG.normal(size=(9, 3)))
    with pytest.raises(LayoutFailed, match="public"):
        run_it(program_of({"ids": (4,)}, operation), {"ids": Width(0, 0, 8)})


def test_an_input_may_pass_through() -> None:
    x = whole("x", (2, 3))
    program = program_of({"x": (2, 3)}, outputs=(("same", x), ("turned", x.transpose((1, 0)))))
    ran = run_it(program, {"turned": Width(8, -(1 << 13), (1 << 13) - 1), "same": NARROW})
    assert (ran["same"] == ran.inputs["x"]).all()
    assert (ran.flat("turned", (3, 2)) == 16 * ran.inputs["x"].T).all()
    assert ran.built.system.outputs == (ran.position("same"), ran.position("turned"))
    assert holds(ran.built.system, ran.values)
    with pytest.raises(LayoutFailed, match="stands twice"):
        run_it(program_of({"x": (2, 3)}, outputs=(("x", x),)))


def test_values_of_different_scales_are_aligned() -> None:
    wire = concatenate([whole("x", (2, 3)), whole("z", (2, 2))], 1)
    program = program_of({"x": (2, 3), "z": (2, 2)}, outputs=(("out", wire),))
    ran = run_it(program, {"z": Width(6, -300, 300)})
    expected = np.concatenate([ran.inputs["x"] * 4, ran.inputs["z"]], axis=1)
    assert (ran["out"] == expected).all()
    assert holds(ran.built.system, ran.values)


def test_every_entry_matters() -> None:
    """Change any committed entry out of place, and some relation or look-up fails."""
    rng = np.random.default_rng(1)
    x = whole("x", (2, 4))
    heads = whole("y", (2, 4)).reshape((2, 2, 2)).transpose((1, 0, 2))
    program = program_of(
        {"x": (2, 4)},
        Linear("y", x, rng.normal(size=(4, 4)), rng.normal(size=4), ("tk", "kn", "tn")),
        Contraction("s", heads, heads, ("hid", "hjd", "hij"), 0.25),
        Product("p", whole("s", (2, 2, 2)), whole("s", (2, 2, 2))),
    )
    widths = {
        "y": Width(1, -32, 31),
        "s": Width(0, -512, 511),
        "p": Width(0, 0, (1 << 18) - 1),
        "out": Width(-3, 0, (1 << 15) - 1),
    }
    ran = run_it(program, widths)
    assert holds(ran.built.system, ran.values)
    for position, tensor in enumerate(ran.built.system.tensors):
        entries = range(tensor.size) if tensor.size < 40 else range(0, tensor.size, 997)
        for entry in entries:
            for change in (1, -1):
                changed = dict(ran.values)
                held = changed[position].copy()
                held.reshape(-1)[entry] += change
                changed[position] = held
                if next(faults(ran.built.system, changed), None) is None:
                    raise AssertionError(f"{tensor.name}[{entry}] is free")
            if tensor.name.startswith("count"):
                break


def test_out_of_range_is_told_before_proving() -> None:
    x = whole("x", (2, 2))
    program = program_of({"x": (2, 2)}, Product("y", x, x))
    inputs = {"x": np.full((2, 2), 101)}
    with pytest.raises(OutOfRange, match=r"block 3: input 'x' spans 101..101"):
        run_it(program, inputs=inputs)
    inputs = {"x": np.full((2, 2), 100)}
    with pytest.raises(OutOfRange, match="a value inside spans 2500"):
        run_it(program, {"y": Width(6, -50, 50), "out": NARROW}, inputs=inputs)
    with pytest.raises(OutOfRange, match="output 'out'"):
        run_it(program, {"out": NARROW}, inputs=inputs)


def test_uniqueness_and_wrapping_are_refused() -> None:
    x = whole("x", (2, 2))
    wide = Width(12, -(1 << 15), (1 << 15) - 1)
    with pytest.raises(LayoutFailed, match=r"relation 'y': 65536 values times 2\^16 .*narrow"):
        run_it(program_of({"x": (2, 2)}, Product("y", x, x)), {"x": wide, "y": Width(8, *span(16))})
    with pytest.raises(LayoutFailed, match=r"relation 'y': .* is not below p.*narrow"):
        run_it(program_of({"x": (2, 2)}, Product("y", x, x)), {"x": Width(3, *span(17))})
    ones = np.full((1 << 12, 1), 1.0)
    program = program_of(
        {"x": (1, 1 << 12)}, Linear("y", whole("x", (1, 1 << 12)), ones, None, ("tk", "kn", "tn"))
    )
    with pytest.raises(LayoutFailed, match="'y'"):
        run_it(program, {"x": Width(0, *span(20))})


def span(bits: int) -> tuple[int, int]:
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def test_weights_take_fewer_bits_where_the_rules_ask_for_it() -> None:
    weight = RNG.normal(size=(64, 3))
    operation = Linear("y", whole("x", (1, 64)), weight, None, ("tk", "kn", "tn"))
    found = []
    for bits in (9, 16):
        ran = run_it(
            program_of({"x": (1, 64)}, operation),
            {"x": Width(8, *span(bits)), "y": Width(4, *span(16)), "out": Width(4, *span(16))},
            inputs={"x": RNG.integers(-200, 200, (1, 64))},
        )
        found.append(int(np.abs(ran.built.weights["y.weight"]).max()).bit_length())
    assert found[0] == 12
    assert found[1] < 12


@given(
    st.lists(st.sampled_from([1, 2, 3, 5, 6]), min_size=3, max_size=3),
    st.integers(2, 14),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=30, deadline=None)
def test_the_worst_input_is_proven_as_integers_or_refused(
    sizes: list[int], bits: int, seed: int
) -> None:
    """Operands at the ends of their ranges, weights of their signs: nothing wraps around p."""
    t, k, n = sizes
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(k, n)) * 10.0 ** rng.integers(-3, 3)
    program = program_of(
        {"x": (t, k)}, Linear("y", whole("x", (t, k)), weight, None, ("tk", "kn", "tn"))
    )
    low, high = span(bits)
    x = np.where(weight[:, 0] > 0, high, low) * np.ones((t, 1), dtype=np.int64)
    x[-1] = low + high - x[-1]
    widths = {"x": Width(4, low, high), "y": Width(2, *span(16)), "out": Width(2, *span(16))}
    try:
        ran = run_it(program, widths, inputs={"x": x})
    except (OutOfRange, LayoutFailed):
        return
    w, w_bits = weights_of(ran, "y.weight")
    expected = rounded(dot(x.astype(object), w, "tk,kn->tn"), 4 + w_bits, widths["y"])
    assert (ran.flat("y", (t, n)) == expected).all()
    assert holds(ran.built.system, ran.values)

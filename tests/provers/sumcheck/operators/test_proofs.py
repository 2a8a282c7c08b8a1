"""Blocks made of operators, proven and verified; integers moved out of place are refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.provers.sumcheck.operators.blocks import NARROW, Ran, program_of, run_it
from tests.provers.sumcheck.operators.test_wires import patterns
from tests.provers.sumcheck.proofs import prove_values
from tests.provers.sumcheck.systems import PRESET
from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck.operators.addition import Addition
from zkdps.provers.sumcheck.operators.contraction import Contraction
from zkdps.provers.sumcheck.operators.gather import Gather
from zkdps.provers.sumcheck.operators.linear import Linear
from zkdps.provers.sumcheck.operators.mean import Mean
from zkdps.provers.sumcheck.operators.product import Product
from zkdps.provers.sumcheck.operators.scaling import Scaling
from zkdps.provers.sumcheck.program import Program, Width
from zkdps.provers.sumcheck.system import Bound, System
from zkdps.provers.sumcheck.wires import whole

SMALL = Width(0, -512, 511)
WIDE_OUT = Width(8, -(1 << 17), (1 << 17) - 1)


def programs() -> dict[str, Program]:
    rng = np.random.default_rng(5)
    x = whole("x", (3, 4))
    linear = Linear("y", x, rng.normal(size=(4, 4)), rng.normal(size=4), ("tk", "kn", "tn"))
    y = whole("y", (3, 4))
    heads = y.reshape((3, 2, 2)).transpose((1, 0, 2))
    one = {"x": (3, 4)}
    named = {
        "linear": program_of(one, linear),
        "attention-like": program_of(
            one,
            linear,
            Contraction("s", heads, heads, ("hid", "hjd", "hij"), 0.3),
            Contraction("o", whole("s", (2, 3, 3)), heads, ("hij", "hjd", "ihd"), 1 / 16),
            Addition("r", ((1.0, x), (-1.0, whole("o", (3, 2, 2)).reshape((3, 4))))),
        ),
        "elementwise": program_of(
            one,
            Product("y", x, x),
            Scaling("z", y, rng.normal(size=(3, 4)), rng.normal(size=4)),
            Mean("m", whole("z", (3, 4)), (1,), 0.25),
        ),
        "convolution": program_of(
            {"x": (1, 2, 3, 3)},
            Linear(
                "y",
                whole("x", (1, 2, 3, 3))
                .pad((0, 0, 1, 1), (0, 0, 1, 1))
                .windows((2, 3), (3, 3), (2, 2), (1, 1)),
                rng.normal(size=(2, 3, 3, 3)),
                None,
                ("nchwij", "cijm", "nmhw"),
            ),
        ),
        "embedding": program_of(
            {"ids": (1, 3)},
            Gather("rows", whole("ids", (1, 3)), rng.normal(size=(6, 4))),
            Scaling("z", whole("rows", (1, 3, 4)), 0.3),
            public=("ids",),
        ),
        "one entry": program_of({"x": (1, 1)}, Product("y", whole("x", (1, 1)), whole("x", (1,)))),
    }
    for name in ("rotary halves in heads", "two values", "interleaved", "scalar"):
        inputs, wire = patterns()[name]
        named[name] = program_of(inputs, outputs=(("out", wire),))
    return named


def ran(name: str) -> Ran:
    """Executed, with parameters that are quick to prove."""
    widths = dict.fromkeys(("y", "s", "o", "r", "z", "m", "rows"), SMALL)
    widths.update({"x": NARROW, "ids": Width(0, 0, 5), "out": WIDE_OUT})
    if name == "elementwise":
        widths.update({"y": Width(2, 0, 255), "x": Width(3, -50, 50)})
    result = run_it(programs()[name], widths)
    return Ran(dataclasses.replace(result.built, system=quick(result)), result.values, {})


def quick(result: Ran) -> System:
    return dataclasses.replace(result.built.system, preset=PRESET, columns_log=5)


@pytest.mark.parametrize("name", sorted(programs()))
def test_an_execution_is_proven(name: str) -> None:
    run = ran(name)
    prove_values(run.built.system, run.values, b"run").verify()


@pytest.mark.parametrize(
    "name",
    [
        "embedding",
        pytest.param("attention-like", marks=pytest.mark.slow),
        pytest.param("elementwise", marks=pytest.mark.slow),
    ],
)
def test_no_tensor_may_be_changed(name: str) -> None:
    run = ran(name)
    for position, tensor in enumerate(run.built.system.tensors):
        if tensor.bound is Bound.WEIGHT:
            continue
        values = dict(run.values)
        held = values[position].copy()
        held.reshape(-1)[tensor.size // 2] += 1
        values[position] = held
        with pytest.raises(CheckFailed):
            prove_values(run.built.system, values, b"run").verify()

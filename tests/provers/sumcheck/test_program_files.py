"""Programs on disk: what is read proves what was written, and nothing else is read."""

from __future__ import annotations

import dataclasses
import importlib
import json
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zkdps.core.errors import StalePackage
from zkdps.provers.sumcheck import operators, program_files, reals, stored, widths
from zkdps.provers.sumcheck.build import Built, build
from zkdps.provers.sumcheck.execute import execute
from zkdps.provers.sumcheck.operators.addition import Addition
from zkdps.provers.sumcheck.operators.attention import Attention
from zkdps.provers.sumcheck.operators.combination import Combination
from zkdps.provers.sumcheck.operators.contraction import Contraction
from zkdps.provers.sumcheck.operators.expressions import Expression, X, scaled
from zkdps.provers.sumcheck.operators.gather import Gather
from zkdps.provers.sumcheck.operators.interface import Operator
from zkdps.provers.sumcheck.operators.linear import Linear
from zkdps.provers.sumcheck.operators.maximum import Maximum
from zkdps.provers.sumcheck.operators.mean import Mean
from zkdps.provers.sumcheck.operators.norm import Norm
from zkdps.provers.sumcheck.operators.output import Output
from zkdps.provers.sumcheck.operators.product import Product
from zkdps.provers.sumcheck.operators.ratio import WeightedMean
from zkdps.provers.sumcheck.operators.scaling import Scaling
from zkdps.provers.sumcheck.operators.softmax import Softmax
from zkdps.provers.sumcheck.operators.table import Table
from zkdps.provers.sumcheck.program import InputSpec, Kind, Program
from zkdps.provers.sumcheck.system import PRESETS
from zkdps.provers.sumcheck.system_json import system_to_files
from zkdps.provers.sumcheck.wires import whole

SHAPE = (4, 6)
rng = np.random.default_rng(5)
GELU = Expression("Mul", (X, scaled(0.5, 0.5, Expression("Erf", (scaled(0.7071, 0.0),)))))
PADDED = whole("x", SHAPE).pad((0, 0), (2, 0)).windows((0,), (3,), (1,), (1,))


def _attention() -> Attention:
    heads = whole("x", SHAPE).reshape((4, 2, 3)).transpose((1, 0, 2))
    return Attention("y", heads, heads, heads, 0.5, is_causal=True)


ONE_OPERATOR: dict[str, Callable[[], Operator]] = {
    "addition": lambda: Addition(
        "y", ((1.0, whole("x", SHAPE)), (-0.5, whole("x", SHAPE))), rng.normal(size=6)
    ),
    "attention": _attention,
    "combination": lambda: Combination(
        "y", ((rng.normal(size=SHAPE), whole("x", SHAPE)), (np.ones(1), whole("x", SHAPE)))
    ),
    "contraction": lambda: Contraction(
        "y", whole("x", SHAPE), whole("x", SHAPE), ("ik", "jk", "ij"), 0.25
    ),
    "gather": lambda: Gather("y", whole("ids", (3,)), rng.normal(size=(7, 5))),
    "linear": lambda: Linear(
        "y", whole("x", SHAPE), rng.normal(size=(6, 5)), rng.normal(size=5), ("tk", "kn", "tn")
    ),
    "convolution": lambda: Linear(
        "y", PADDED, rng.normal(size=(6, 3, 2)), None, ("tki", "kim", "tm")
    ),
    "maximum": lambda: Maximum("y", whole("x", SHAPE)),
    "mean": lambda: Mean("y", whole("x", SHAPE), (0,), 0.25),
    "norm": lambda: Norm(
        "y", (whole("x", SHAPE), whole("x", SHAPE)), rng.normal(size=6), rng.normal(size=6), 1e-5
    ),
    "product": lambda: Product("y", whole("x", SHAPE), whole("x", SHAPE)),
    "scaling": lambda: Scaling("y", whole("x", SHAPE), rng.normal(size=6), 1.5),
    "softmax": lambda: Softmax("y", whole("x", SHAPE)),
    "table": lambda: Table("y", whole("x", SHAPE), GELU),
    "weighted mean": lambda: WeightedMean("y", whole("x", (1, *SHAPE)), whole("m", (1, 4))),
}


def _compiled(operation: Operator) -> tuple[Program, widths.WidthTable, Built, dict[str, Any]]:
    inputs = {
        "x": rng.normal(size=SHAPE),
        "ids": np.array([6, 0, 3]),
        "m": np.array([[1, 1, 0, 1]]),
    }
    kinds = {"x": Kind.REAL, "ids": Kind.INTEGER, "m": Kind.BOOLEAN}
    read = {part.value for wire in operation.reads for part in wire.parts}
    specs = tuple(InputSpec(n, inputs[n].shape, kinds[n]) for n in inputs if n in read)
    program = Program(specs, (operation,), (("out", whole("y", operation.shape)),))
    _, sizes = reals.measured(program, {n: np.asarray(inputs[n], float) for n in read})
    chosen = widths.choose(program, {n: 1.5 * size for n, size in sizes.items()}, 8, 0)
    built = build(program, chosen, PRESETS["S100"], 6, 0)
    steps = {n: 1 << (8 if kinds[n] is Kind.REAL else 0) for n in read}
    given = {n: np.rint(inputs[n] * steps[n]).astype(np.int64) for n in read}
    return program, chosen, built, given


@pytest.mark.parametrize("name", ONE_OPERATOR)
def test_what_is_read_is_the_same_circuit(name: str, tmp_path: Path) -> None:
    program, chosen, built, given = _compiled(ONE_OPERATOR[name]())
    program_files.write_program(tmp_path, program, chosen, built)
    read, read_widths = program_files.read_program(tmp_path, 0)
    again = build(read, read_widths, PRESETS["S100"], 6, 0)
    assert system_to_files(again.system) == system_to_files(built.system)
    assert read_widths.record() == chosen.record()
    expected, got = execute(built, given), execute(again, given)
    assert expected.keys() == got.keys()
    for position, integers in expected.items():
        np.testing.assert_array_equal(got[position], integers)


def test_every_operator_has_a_form() -> None:
    found: set[type[Any]] = set()
    for module in pkgutil.iter_modules(operators.__path__):
        members = vars(importlib.import_module(f"{operators.__name__}.{module.name}"))
        found |= {
            kind
            for kind in members.values()
            if isinstance(kind, type) and dataclasses.is_dataclass(kind) and hasattr(kind, "define")
        }
    # Outputs are made when a program is built; no program has one.
    assert found - {Output} == set(program_files._OPERATORS.values())
    assert {type(make()) for make in ONE_OPERATOR.values()} == found - {Output}


def test_weights_that_were_read_have_no_reals(tmp_path: Path) -> None:
    for name in ("linear", "gather"):
        place = tmp_path / name
        place.mkdir()
        program, chosen, built, _ = _compiled(ONE_OPERATOR[name]())
        program_files.write_program(place, program, chosen, built)
        (operation,) = program_files.read_program(place, 0)[0].operations
        with pytest.raises(TypeError, match="integers"):
            operation.real([np.zeros(SHAPE)])


def test_what_has_no_form_is_not_written(tmp_path: Path) -> None:
    made = _compiled(Table("y", whole("x", SHAPE), np.tanh))
    with pytest.raises(TypeError, match="ufunc"):
        program_files.write_program(tmp_path, *made[:3])


@pytest.mark.parametrize(
    "change",
    [
        {"operations": [{"operator": "Linearr", "fields": {}}]},
        {"operations": [{"operator": "Linear", "fields": {"name": "y"}}]},
        {"operations": [{"operator": "Linear", "fields": {"x": {"thing": 1}}}]},
        {"operations": [{"operator": "Linear", "fields": {"x": {"array": 99}}}]},
        {"operations": [{"operator": "Linear", "fields": {"weight": {"constant": [9, 1]}}}]},
        {"inputs": [["x", [4, 6], "imaginary"]]},
        {"outputs": [["out", {"wire": [[4, 5], [["y", {"affine": [0, [5]]}]]]}]]},
        {"outputs": [["out", {"wire": [[4, 5], [["y", {"array": 0}]]]}]]},
        {"widths": {"x": [1, 2]}},
        {"widths": None},
    ],
)
def test_other_files_are_refused(change: dict[str, object], tmp_path: Path) -> None:
    program, chosen, built, _ = _compiled(ONE_OPERATOR["linear"]())
    program_files.write_program(tmp_path, program, chosen, built)
    path = tmp_path / stored.PROGRAM
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(StalePackage, match="not a compiled program"):
        program_files.read_program(tmp_path, 0)


@pytest.mark.parametrize("missing", ["program.json", "program.npz", "integers/0.npy"])
def test_missing_files_are_refused(missing: str, tmp_path: Path) -> None:
    program, chosen, built, _ = _compiled(ONE_OPERATOR["linear"]())
    program_files.write_program(tmp_path, program, chosen, built)
    (tmp_path / missing).unlink()
    with pytest.raises(StalePackage, match="not a compiled program"):
        program_files.read_program(tmp_path, 0)

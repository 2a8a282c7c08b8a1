"""Small programs: built, run on random integers, compared with plain-integer references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zkdps.provers.sumcheck.build import Built, build
from zkdps.provers.sumcheck.execute import execute
from zkdps.provers.sumcheck.operators.interface import Operator
from zkdps.provers.sumcheck.program import InputSpec, Kind, Program, Width
from zkdps.provers.sumcheck.system import PRESETS, Int64s, Values
from zkdps.provers.sumcheck.system_check import check_system
from zkdps.provers.sumcheck.wires import Wire, whole

WIDE = Width(6, -(1 << 14), (1 << 14) - 1)
NARROW = Width(4, -100, 100)


@dataclass(frozen=True)
class Ran:
    """A program that was built and executed."""

    built: Built
    values: Values
    inputs: dict[str, Int64s]

    def __getitem__(self, name: str) -> np.ndarray:
        """Integers of a tensor, as Python ints in storage order."""
        return self.values[self.position(name)].astype(object)

    def position(self, name: str) -> int:
        return self.built.positions[name]

    def flat(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        return self[name].reshape(shape)


def program_of(
    inputs: Mapping[str, tuple[int, ...]],
    *operations: Operator,
    outputs: tuple[tuple[str, Wire], ...] | None = None,
    public: tuple[str, ...] = (),
) -> Program:
    specs = tuple(
        InputSpec(name, shape, Kind.INTEGER if name in public else Kind.REAL)
        for name, shape in inputs.items()
    )
    if outputs is None:
        last = operations[-1]
        outputs = (("out", whole(last.name, last.shape)),)
    return Program(specs, operations, outputs)


def build_it(program: Program, widths: Mapping[str, Width] | None = None) -> Built:
    chosen = dict(widths or {})
    inputs = {spec.name for spec in program.inputs}

    def width(name: str) -> Width:
        if name in chosen:
            return chosen[name]
        return NARROW if name in inputs else WIDE

    built = build(program, width, PRESETS["S100"], 6, 3)
    check_system(built.system)
    return built


def run_it(
    program: Program,
    widths: Mapping[str, Width] | None = None,
    seed: int = 0,
    inputs: Mapping[str, Int64s] | None = None,
) -> Ran:
    built = build_it(program, widths)
    rng = np.random.default_rng(seed)
    given = dict(inputs or {})
    for spec in program.inputs:
        if spec.name not in given:
            w = built.widths[spec.name]
            given[spec.name] = rng.integers(w.low, w.high + 1, spec.shape)
    return Ran(built, execute(built, given), given)


def rounded(acc: np.ndarray, scale_bits: int, width: Width) -> np.ndarray:
    """The rounding rule, on Python integers."""
    shift = scale_bits - width.scale_bits
    if shift <= 0:
        return acc * (1 << -shift)
    return (acc + (1 << (shift - 1))) // (1 << shift)

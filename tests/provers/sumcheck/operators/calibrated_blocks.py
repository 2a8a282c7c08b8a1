"""Small programs with widths as calibration chooses them, and witnesses edited by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tests.provers.sumcheck.satisfied import faults
from zkdps.provers.sumcheck import reals, widths
from zkdps.provers.sumcheck.build import Built, build
from zkdps.provers.sumcheck.evaluate import form_integers
from zkdps.provers.sumcheck.execute import execute
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.operators.interface import Operator
from zkdps.provers.sumcheck.program import InputSpec, Kind, Program, Width
from zkdps.provers.sumcheck.system import PRESETS, Bound, Int64s, Values
from zkdps.provers.sumcheck.wires import whole

SCALE_BITS = 8
MARGIN = 1.4


@dataclass(frozen=True)
class Case:
    """A program that was calibrated on its inputs, built, and executed on them."""

    built: Built
    values: Values
    inputs: dict[str, Int64s]
    expected: np.ndarray
    """The last result in float64."""
    chosen: widths.WidthTable

    def __getitem__(self, name: str) -> np.ndarray:
        """Integers of a tensor in storage shape."""
        return self.values[self.built.positions[name]]

    def width(self, name: str) -> Width:
        return self.built.widths.get(name) or self.chosen(name)

    def real(self, name: str) -> np.ndarray:
        return self[name].reshape(-1) / 2.0 ** self.width(name).scale_bits

    def forged(self, **changes: np.ndarray) -> list[str]:
        """What does not hold after replacing tensors; look-ups are counted to the prover's favour.

        Names of tensors have `_` for `.`.
        """
        system = self.built.system
        values = dict(self.values)
        names = {name.replace(".", "_"): at for name, at in self.built.positions.items()}
        for name, integers in changes.items():
            shape = system.tensors[names[name]].shape
            values[names[name]] = np.asarray(integers, dtype=np.int64).reshape(shape)
        # Upper limbs of ranges follow what they are limbs of.
        known = {name: values[at] for name, at in self.built.positions.items() if at in values}
        for step in self.built.steps:
            if step.names[0].endswith(".upper"):
                (name,) = step.names
                shape = system.tensors[self.built.positions[name]].shape
                values[self.built.positions[name]] = step.compute(known)[0].reshape(shape)
        for position, tensor in enumerate(system.tensors):
            if tensor.bound is Bound.MULTIPLICITY:
                values[position] = np.zeros(tensor.shape, dtype=np.int64)
        for lookup in system.lookups:
            table = system.tables[lookup.table]
            keys = form_integers(system, system.forms[lookup.key], values).reshape(-1) % P
            rows = (keys - table.low) % P
            np.add.at(values[table.multiplicity], rows[rows < table.rows], 1)
        # What is written to the boundary would follow the forged result.
        return [fault for fault in faults(system, values) if _named(fault)[:3] != "out"]


def case_of(
    inputs: Mapping[str, np.ndarray],
    *operations: Operator,
    masks: tuple[str, ...] = (),
    counts: tuple[str, ...] = (),
    scale_bits: int = SCALE_BITS,
    seen: Mapping[str, np.ndarray] | None = None,
) -> Case:
    """Calibrate on `seen` (the inputs, as a rule), build, execute."""
    kinds = {**dict.fromkeys(masks, Kind.BOOLEAN), **dict.fromkeys(counts, Kind.INTEGER)}
    specs = tuple(
        InputSpec(name, held.shape, kinds.get(name, Kind.REAL)) for name, held in inputs.items()
    )
    last = operations[-1]
    program = Program(specs, operations, (("out", whole(last.name, last.shape)),))
    values, sizes = reals.measured(program, inputs if seen is None else seen)
    largest = {name: MARGIN * size for name, size in sizes.items()}
    chosen = widths.choose(program, largest, scale_bits, 0)
    built = build(program, chosen, PRESETS["S100"], 6, 0)
    given = {
        name: np.rint(held * 2.0 ** (0 if name in kinds else scale_bits)).astype(np.int64)
        for name, held in inputs.items()
    }
    return Case(built, execute(built, given), given, values[last.name], chosen)


def holds(case: Case) -> bool:
    return not case.forged()


def one_of(found: list[str], *names: str) -> bool:
    """Something fails, and only what these names start."""
    return bool(found) and all(_named(fault).startswith(names) for fault in found)


def _named(fault: str) -> str:
    """What a fault is of: `relation NAME at ..`, `key of NAME at ..`."""
    return fault.replace(" of ", " ").split(" ")[1]

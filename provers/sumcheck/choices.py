"""The back end's parameters of one circuit: what is chosen before a block is compiled.

Everything about a circuit follows from its ONNX slice and this record, so an auditor who has both
compiles the same System.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zkdps.core.canonical import Json
from zkdps.core.prover import Parameters
from zkdps.provers.sumcheck.system import PRESETS, Preset

PRESET_OF = {"100": "S100", "100-small": "S100_SMALL", "128": "S128"}
"""Level of security, as people ask for it, to the name of the preset."""

MAX_SCALE_BITS = 24
MAX_COLUMNS_LOG = 22
MAX_MAGNITUDE = 1 << 100
MAX_NAMES = 1 << 16
_FIELDS = {"preset", "scale_bits", "columns_log", "interior"}


@dataclass(frozen=True, slots=True)
class Choice:
    """Parameters with types."""

    preset: Preset
    scale_bits: int
    """Of the chain's boundaries."""
    columns_log: int
    """lg C, one for the whole key; 0 before calibration."""
    interior: Mapping[str, int] | None
    """Largest magnitude of every quantity that gets a width, margin included, in steps of
    2**-`INTERIOR_BITS`; `None` before calibration, when the block runs in float64."""

    def record(self) -> Parameters:
        """As `choice_of` reads it."""
        return {
            "preset": self.preset.name,
            "scale_bits": self.scale_bits,
            "columns_log": self.columns_log,
            "interior": None if self.interior is None else dict(self.interior),
        }


def choice_of(parameters: Parameters) -> Choice:
    """The choice that a record, of a key say, stands for.

    Raises:
        ValueError: it is none.
    """
    if set(parameters) != _FIELDS:
        raise ValueError(f"not exactly the fields {', '.join(sorted(_FIELDS))}")
    name = parameters["preset"]
    if not isinstance(name, str) or name not in PRESETS:
        raise ValueError(f"no preset {name!r}")
    return Choice(
        PRESETS[name],
        _integer(parameters["scale_bits"], 1, MAX_SCALE_BITS),
        _integer(parameters["columns_log"], 0, MAX_COLUMNS_LOG),
        _interior(parameters["interior"]),
    )


def _interior(value: Json) -> Mapping[str, int] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or len(value) > MAX_NAMES:
        raise ValueError("the magnitudes inside are no object of bounded size")
    return {name: _integer(most, 0, MAX_MAGNITUDE) for name, most in value.items()}


def _integer(value: Json, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{value!r} is not an integer in {low}..{high}")
    return value

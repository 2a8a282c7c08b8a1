"""ezkl's settings file: run arguments in, one canonical byte string out.

ezkl writes `required_range_checks` and some lists in the order of a hash map, different on every
run, and the order of the first two goes into the verifying key.  Sorting them before the circuit is
compiled makes keys reproducible from the ONNX file and the parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zkdps.core.canonical import Json
from zkdps.core.errors import LayoutFailed, ScaleDrift
from zkdps.core.plan import TensorSpec
from zkdps.core.prover import BlockGraph, Parameters
from zkdps.core.statement import Link
from zkdps.provers.ezkl.srs_format import MAX_LOGROWS

VISIBILITY = {Link.POLYCOMMIT: "polycommit", Link.POSEIDON: "hashed", Link.PUBLIC: "public"}
_LINKS = {"KZGCommit": Link.POLYCOMMIT, "Public": Link.PUBLIC}
MAX_SETTINGS_BYTES = 16 << 20
GENEROUS_LOGROWS = 20
"""Of circuits that are only executed and estimated: their tables and digits must not bind."""
MAX_VALUE_BITS = 126
"""ezkl computes with 128 bits; the field has 254."""
ASSIGNMENT_STEP = 256
"""Pinned numbers of cells are multiples of this."""
ASSIGNMENT_SLACK = 32
"""Room above what was counted once."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Our choices for one circuit, `Parameters` with types."""

    scale_bits: int
    link: Link
    logrows: int
    """k; before calibration the one that the plan is estimated at."""
    columns: int
    """Columns of one base block, ezkl's `num_inner_cols`."""
    decomp_base: int
    """A value is checked to be `decomp_legs` digits in this base, and a sign."""
    decomp_legs: int
    lookup_min: int
    lookup_max: int
    disable_freivalds: bool
    calibrated: bool
    """Whether ranges were measured; otherwise good for executing and estimating only."""
    calibrated_max_abs: int = 0
    """Largest magnitude at the block's boundary that calibration allows, its margin included; the
    circuit may hold far more, but nothing was measured there.  0 before calibration: no limit."""
    assignments: int = 0
    """Cells that the circuit has room for; 0 before they are pinned (`canonical_settings`)."""

    @property
    def max_abs(self) -> int:
        """Largest magnitude that the circuit can hold."""
        return int(self.decomp_base**self.decomp_legs) - 1

    @property
    def allowed_max_abs(self) -> int:
        """Largest magnitude at the block's boundary that is proved."""
        return min(self.max_abs, self.calibrated_max_abs or self.max_abs)

    def record(self) -> dict[str, Json]:
        """As the key and the plan record it."""
        fields: dict[str, Json] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**fields, "link": self.link.value}

    def run_args(self) -> dict[str, Any]:
        """As ezkl takes it: one scale everywhere, no rebase postponed, weights in the key."""
        visibility = VISIBILITY[self.link]
        return {
            "input_scale": self.scale_bits,
            "param_scale": self.scale_bits,
            "scale_rebase_multiplier": 1,
            "lookup_range": [self.lookup_min, self.lookup_max],
            "logrows": self.logrows if self.calibrated else GENEROUS_LOGROWS,
            "num_inner_cols": self.columns,
            "variables": [],
            "input_visibility": visibility,
            "output_visibility": visibility,
            "param_visibility": "fixed",
            "check_mode": "unsafe",
            "decomp_base": self.decomp_base,
            "decomp_legs": self.decomp_legs,
            "disable_freivalds": self.disable_freivalds,
        }


_ANY_CHOICE = Choice(0, Link.PUBLIC, 1, 1, 2, 1, 0, 0, False, False)
"""Says of which type each field is."""


def choice_of(parameters: Parameters) -> Choice:
    """Inverse of `Choice.record`.

    Raises:
        ValueError: not parameters of this back end, or of no sound circuit.
    """
    try:
        fields = {name: parameters[name] for name in Choice.__dataclass_fields__}
    except KeyError as error:
        raise ValueError(f"ezkl parameters without {error}") from error
    choice = Choice(**{**fields, "link": Link(str(fields["link"]))})  # type: ignore[arg-type]
    _check_choice(choice)
    return choice


def _check_choice(choice: Choice) -> None:
    for name in Choice.__dataclass_fields__:
        expected, got = type(getattr(_ANY_CHOICE, name)), type(getattr(choice, name))
        if got is not expected:
            raise ValueError(f"ezkl parameter {name} is of type {got.__name__}")
    if not 1 <= choice.logrows <= MAX_LOGROWS or choice.columns < 1 or choice.assignments < 0:
        raise ValueError("ezkl parameters of no circuit")
    digit_bits = max(0, choice.decomp_base).bit_length()
    # Digits that can make up numbers beyond half the field can make one value in two ways.
    if choice.decomp_base < 2 or not 1 <= choice.decomp_legs * digit_bits <= MAX_VALUE_BITS:
        raise ValueError(f"{choice.decomp_legs} digits in base {choice.decomp_base}")
    if choice.lookup_min > choice.lookup_max:
        raise ValueError(f"a table from {choice.lookup_min} to {choice.lookup_max}")


def canonical_settings(raw: bytes, choice: Choice) -> bytes:
    """The one byte string for what ezkl wrote, whenever it wrote it.

    The number of cells that ezkl counts differs by a few from one call to the next (measured:
    40837 to 40840 for one circuit), and it decides how many columns there are.  So it is pinned: a
    round number above, chosen once with the other parameters.

    Raises:
        ValueError: the circuit needs more cells than were pinned, or far fewer.
    """
    settings = json.loads(raw)
    settings["timestamp"] = 0
    if choice.assignments:
        counted = settings["total_assignments"]
        if not counted <= choice.assignments <= counted + 2 * ASSIGNMENT_STEP:
            raise ValueError(f"{counted} cells, the parameters say {choice.assignments}")
        # Hashes and instances may need more rows than the cells do; those do not vary.
        spare = settings["num_rows"] - -(-counted // choice.columns)
        rows = -(-choice.assignments // choice.columns)
        settings["num_rows"] = settings["num_rows"] if spare > ASSIGNMENT_STEP else rows
        settings["total_assignments"] = choice.assignments
    for name in ("required_range_checks", "required_lookups"):
        settings[name] = _sorted(settings[name])
    settings["einsum_params"]["equations"] = _sorted(settings["einsum_params"]["equations"])
    return json.dumps(settings, sort_keys=True, separators=(",", ":")).encode()


def pinned_assignments(settings: Mapping[str, Any]) -> int:
    """The number of cells to pin for a circuit that was counted once."""
    counted = int(settings["total_assignments"]) + ASSIGNMENT_SLACK
    return -(-counted // ASSIGNMENT_STEP) * ASSIGNMENT_STEP


def _sorted(items: Sequence[Any]) -> list[Any]:
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))


def parse_settings(data: bytes) -> dict[str, Any]:
    """Settings from a key.

    Raises:
        ValueError: not JSON, not an object, too large or too deep.
    """
    if len(data) > MAX_SETTINGS_BYTES:
        raise ValueError(f"settings of {len(data)} bytes")
    try:
        settings = json.loads(data)
    except RecursionError as error:
        raise ValueError("settings nested too deep") from error
    if not isinstance(settings, dict) or not isinstance(settings.get("run_args"), dict):
        raise ValueError("settings without run arguments")
    return settings


def link_of(settings: Mapping[str, Any]) -> Link:
    """The commitment scheme that a circuit was made for.

    Raises:
        ValueError: inputs and outputs differ, or the scheme is none of ours.
    """
    read, written = (settings["run_args"][f"{side}_visibility"] for side in ("input", "output"))
    if read != written:
        raise ValueError(f"inputs are {read}, outputs {written}")
    if isinstance(read, dict) and set(read) == {"Hashed"}:
        return Link.POSEIDON
    if not isinstance(read, str) or read not in _LINKS:
        raise ValueError(f"visibility {read!r}")
    return _LINKS[read]


def check_scales(graph: BlockGraph, settings: Mapping[str, Any]) -> None:
    """Every tensor that crosses a boundary must be at the chain's scale.

    Raises:
        ScaleDrift: ezkl would read or write a tensor at another scale.
        LayoutFailed: ezkl sees another number of tensors than the block has.
    """
    for specs, key in (
        (graph.inputs, "model_input_scales"),
        (graph.outputs, "model_output_scales"),
    ):
        _check_side(graph.block.index, specs, settings[key], key)


def _check_side(block: int, specs: Sequence[TensorSpec], scales: Sequence[int], key: str) -> None:
    if len(scales) != len(specs):
        raise LayoutFailed(block, f"{key} has {len(scales)} entries for {len(specs)} tensors")
    for spec, got in zip(specs, scales, strict=True):
        if got != spec.scale_bits:
            raise ScaleDrift(block, spec.name, spec.scale_bits, got)

"""The integers that every block saw over the calibration samples, and the parameters for them.

The two steps of chain-safe calibration (facts: never calibrate a block alone, it resets its input
scale).  `measure_ranges` runs circuits with generous parameters; `choose_parameters` lets the back
end fit the whole plan to what was seen, times a margin.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from zkdps.calibration.data import Samples
from zkdps.calibration.execution import Execution, Progress, execute_plan, quantise_samples
from zkdps.core.canonical import Json
from zkdps.core.errors import MalformedArchive, OutOfRange, StorageFailed, UsageConflict
from zkdps.core.fields import Fields
from zkdps.core.plan import Plan
from zkdps.core.prover import BlockGraph, Circuit, Parameters, Prover, Ranges
from zkdps.core.statement import Link

DEFAULT_MARGIN = 2.0
"""Room beyond what calibration saw, for inputs that it did not see."""

MAX_MARGIN = 1e6
_MAX_INTEGER = 1 << 126


@dataclass(frozen=True, slots=True)
class MeasuredRanges:
    """What the blocks saw at one scale."""

    scale_bits: int
    link: Link
    samples: int
    data_sha256: str
    """Digest of the samples (`Samples.sha256`)."""
    blocks: tuple[Ranges, ...]
    """One entry a block, margins not included."""

    def to_json(self) -> dict[str, Json]:
        """The record as canonical JSON can hold it; `from_json` is the inverse."""
        return {
            "scale_bits": self.scale_bits,
            "link": self.link.value,
            "samples": self.samples,
            "data_sha256": self.data_sha256,
            "blocks": [
                {
                    "lookup_min": block.lookup_min,
                    "lookup_max": block.lookup_max,
                    "max_abs": block.max_abs,
                    "interior_max_abs": block.interior_max_abs,
                    "interior": dict(block.interior),
                }
                for block in self.blocks
            ],
        }

    @classmethod
    def from_json(cls, value: Json, path: str) -> MeasuredRanges:
        """Read a record that `to_json` wrote into `path`.

        Raises:
            MalformedArchive: it is none.
        """
        fields = Fields(value, path, "the ranges")
        blocks = []
        for item in fields.objects("blocks"):
            low, high = (
                item.integer(f"lookup_{end}", -_MAX_INTEGER, _MAX_INTEGER) for end in ("min", "max")
            )
            ends, within = (
                item.integer(f"{at}max_abs", 0, _MAX_INTEGER) for at in ("", "interior_")
            )
            inside = item.object("interior")
            interior = {name: inside.integer(name, 0, _MAX_INTEGER) for name in inside.names()}
            blocks.append(Ranges(low, high, ends, within, interior))
            item.done()
        link = fields.text("link")
        if link not in {known.value for known in Link}:
            raise MalformedArchive(path, f"the ranges: link {link!r} is unknown")
        record = cls(
            scale_bits=fields.integer("scale_bits", 0, 64),
            link=Link(link),
            samples=fields.integer("samples", 1, 1 << 40),
            data_sha256=fields.digest("data_sha256"),
            blocks=tuple(blocks),
        )
        fields.done()
        return record


def wider_inside(measured: MeasuredRanges, error: OutOfRange) -> MeasuredRanges:
    """The ranges with what `error` tells of the inside of a block, which no trace shows."""
    seen = Ranges(0, 0, 0, max(map(abs, error.got)))
    blocks = list(measured.blocks)
    blocks[error.block] = blocks[error.block].hull(seen)
    return replace(measured, blocks=tuple(blocks))


def measure_ranges(
    prover: Prover,
    plan: Plan,
    graphs: Sequence[BlockGraph],
    samples: Samples,
    *,
    scale_bits: int,
    link: Link,
    directory: Path,
    progress: Progress | None = None,
) -> MeasuredRanges:
    """Run the samples through circuits with generous parameters and record what each block saw.

    Args:
        prover: the back end.
        plan: at any scale.
        graphs: one a block, at any scale.
        samples: the calibration samples.
        scale_bits: of every real tensor of the chain.
        link: how boundaries will be committed to.
        directory: existing; holds scratch files while this runs, nothing afterwards.
        progress: hears of each batch.

    Raises:
        As `execution.execute_plan`; LayoutFailed and StorageFailed.
    """
    execution = execute_generously(
        prover,
        plan,
        graphs,
        samples,
        scale_bits=scale_bits,
        link=link,
        directory=directory,
        progress=progress,
    )
    return MeasuredRanges(scale_bits, link, len(samples), samples.sha256, execution.ranges)


def execute_generously(
    prover: Prover,
    plan: Plan,
    graphs: Sequence[BlockGraph],
    samples: Samples,
    *,
    scale_bits: int,
    link: Link,
    directory: Path,
    progress: Progress | None = None,
) -> Execution:
    """The execution behind `measure_ranges`, with all integers."""
    scaled = plan.at_scale(scale_bits)
    placed = graphs_at_scale(graphs, scaled)
    inputs = quantise_samples(scaled, samples)
    parameters = prover.choose(placed, scale_bits=scale_bits, link=link, ranges=None)
    with tempfile.TemporaryDirectory(prefix=".generous-", dir=directory) as scratch:
        circuits = compile_blocks(prover, placed, parameters, Path(scratch))
        return execute_plan(prover, scaled, circuits, inputs, provable=False, progress=progress)


def choose_parameters(
    prover: Prover,
    graphs: Sequence[BlockGraph],
    measured: MeasuredRanges,
    plan: Plan,
    *,
    margin: float = DEFAULT_MARGIN,
) -> tuple[Parameters, ...]:
    """Parameters for the whole plan, fitted to the measured ranges times `margin`.

    Raises:
        UsageConflict: the margin is below 1 or not a number.
        LayoutFailed: the back end has no parameters for such ranges.
    """
    placed = graphs_at_scale(graphs, plan.at_scale(measured.scale_bits))
    return prover.choose(
        placed,
        scale_bits=measured.scale_bits,
        link=measured.link,
        ranges=[with_margin(ranges, margin) for ranges in measured.blocks],
    )


def with_margin(ranges: Ranges, margin: float) -> Ranges:
    """The ranges, hulled with zero and scaled about it, rounded outwards.

    Raises:
        UsageConflict: the margin is not in 1..`MAX_MARGIN`.
    """
    if not 1 <= margin <= MAX_MARGIN:
        raise UsageConflict(f"--margin {margin:g} is not in 1..{MAX_MARGIN:g}")
    factor = Fraction(margin)
    return Ranges(
        lookup_min=math.floor(min(0, ranges.lookup_min) * factor),
        lookup_max=math.ceil(max(0, ranges.lookup_max) * factor),
        max_abs=math.ceil(ranges.max_abs * factor),
        interior_max_abs=math.ceil(ranges.interior_max_abs * factor),
        interior={name: math.ceil(most * factor) for name, most in ranges.interior.items()},
    )


def graphs_at_scale(graphs: Sequence[BlockGraph], plan: Plan) -> tuple[BlockGraph, ...]:
    """The block graphs with their tensors as `plan` describes them."""
    specs = plan.specs
    return tuple(
        replace(
            graph,
            inputs=tuple(specs[name] for name in graph.block.inputs),
            outputs=tuple(specs[name] for name in graph.block.outputs),
        )
        for graph in graphs
    )


def compile_blocks(
    prover: Prover,
    graphs: Sequence[BlockGraph],
    parameters: Sequence[Parameters],
    directory: Path,
) -> tuple[Circuit, ...]:
    """Compile every block into `directory/<index>/`, which must not hold anything yet.

    Raises:
        LayoutFailed, ScaleDrift: from the back end.
        StorageFailed: a folder is there already, or the disk refused.
    """
    circuits = []
    for graph, chosen in zip(graphs, parameters, strict=True):
        folder = directory / str(graph.block.index)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise StorageFailed(str(folder), error.strerror or str(error)) from error
        circuits.append(prover.compile(graph, chosen, folder))
    return tuple(circuits)

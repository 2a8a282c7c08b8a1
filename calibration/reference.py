"""The float values that proven integers are measured against.

End to end, always the publisher's original model.  At the boundaries inside, the original too where
it has a value of that name and meaning.  A rewrite may keep a name and change the meaning (a GELU
fold scales the layer before it, a mask clamp moves what is masked away): there the rewritten model
is the reference, and the report says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import onnx

from zkdps.calibration.activations import Activations, capture
from zkdps.calibration.array_files import Array
from zkdps.calibration.data import Samples
from zkdps.core.errors import MalformedModel
from zkdps.core.plan import Plan

SAME_MEANING = 1e-2
"""Two models' tensors differ by at most this share of the largest magnitude, or mean two things.

An exact rewrite in float32 stays below 1e-4; a change of meaning is a factor, far above."""


class Source(StrEnum):
    """Which float model a tensor is compared with."""

    ORIGINAL = "original"
    REWRITTEN = "rewritten"


@dataclass(frozen=True, slots=True)
class FloatModels:
    """The publisher's model and what the blocks were cut from; weights inside."""

    original: onnx.ModelProto
    rewritten: onnx.ModelProto


@dataclass(frozen=True, slots=True)
class Reference:
    """Float activations of every tensor of a plan."""

    captured: Mapping[Source, Activations]
    sources: Mapping[str, Source]
    """Tensor name to the model it is compared with."""

    @property
    def provider(self) -> str:
        """The onnxruntime provider that computed them."""
        return self.captured[Source.ORIGINAL].provider

    def tensor(self, name: str) -> Array:
        """The reference of one tensor, `(samples, *shape)`."""
        return self.captured[self.sources[name]].tensor(name)


def capture_reference(
    models: FloatModels,
    plan: Plan,
    samples: Samples,
    directory: Path,
    *,
    provider: str | None = None,
) -> Reference:
    """Run both float models and write `original.h5` and `rewritten.h5` into `directory`.

    Raises:
        As `activations.capture`; MalformedModel also if the original lacks an output of the plan.
    """
    known = _values(models.original)
    for name in plan.outputs:
        if name not in known:
            raise MalformedModel("the original model", f"it has no output {name!r}")
    names = [tensor.name for tensor in plan.tensors]
    captured = {
        Source.ORIGINAL: capture(
            models.original,
            [name for name in names if name in known],
            samples,
            directory / "original.h5",
            provider=provider,
        ),
        Source.REWRITTEN: capture(
            models.rewritten, names, samples, directory / "rewritten.h5", provider=provider
        ),
    }
    sources = {name: _source(name, plan, known, captured) for name in names}
    return Reference(captured, sources)


def _values(model: onnx.ModelProto) -> frozenset[str]:
    inputs = (value.name for value in model.graph.input)
    return frozenset((*inputs, *(name for node in model.graph.node for name in node.output)))


def _source(
    name: str, plan: Plan, known: frozenset[str], captured: Mapping[Source, Activations]
) -> Source:
    if name in plan.outputs:
        return Source.ORIGINAL
    if name not in known:
        return Source.REWRITTEN
    original = captured[Source.ORIGINAL].tensor(name)
    rewritten = captured[Source.REWRITTEN].tensor(name)
    same = original.shape == rewritten.shape and _agree(original, rewritten)
    return Source.ORIGINAL if same else Source.REWRITTEN


def _agree(left: Array, right: Array) -> bool:
    wide, other = left.astype(np.float64), right.astype(np.float64)
    if not (np.isfinite(wide).all() and np.isfinite(other).all()):
        # A mask of -inf in the original is finite in the circuit.
        return False
    largest = max(float(np.abs(wide).max(initial=0)), float(np.abs(other).max(initial=0)))
    return float(np.abs(wide - other).max(initial=0)) <= SAME_MEANING * largest

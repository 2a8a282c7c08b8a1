"""From a publisher's ONNX model to one that can be sliced and proved: normalise, then rewrite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx

from zkdps.circuits.dialect import Dialect
from zkdps.circuits.load import model_digest
from zkdps.circuits.normalise import normalise
from zkdps.circuits.rewrites import Rewrite, rewrite


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model ready for slicing, and where it came from."""

    model: onnx.ModelProto
    """Normal and rewritten; graph inputs and outputs are the source's."""
    rewrites: tuple[Rewrite, ...]
    """What was rewritten, in order."""
    source_sha256: str
    """Digest of the publisher's graph and weights."""
    circuit_sha256: str
    """Digest of `model`."""


def prepare(
    model: onnx.ModelProto,
    shapes: Mapping[str, tuple[int, ...]],
    scale_bits: int,
    dialect: Dialect = Dialect.EZKL,
) -> Prepared:
    """Normalise and rewrite a loaded model.

    Args:
        model: as `circuits.load.load_model` gives it.
        shapes: model input name to static shape, where the model leaves axes open.
        scale_bits: the fixed-point scale that rewrites are to be exact at.
        dialect: what the back end proves.

    Raises:
        MalformedModel, UnsupportedOperator, UndeterminedShape: see `normalise` and `rewrite`.
    """
    normal = normalise(model, shapes, dialect)
    rewritten, rewrites = rewrite(normal, scale_bits=scale_bits, dialect=dialect)
    return Prepared(rewritten, rewrites, model_digest(model), model_digest(rewritten))

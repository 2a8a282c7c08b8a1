"""Rewriting a normal model into an equal one that a back end proves cheaply and exactly.

Each pass is one module with one function, `apply(model, scale_bits) -> list[Rewrite]`; they run in
order, again and again, until none finds anything.  What they promise together:

- names, shapes and dtypes of the graph's inputs and outputs stay;
- a tensor that keeps its name keeps its value (within a `Rewrite` marked not exact), so that
  a cut named by the user still means the same; tensors whose value changes get new names;
- the result depends on the model and `scale_bits` alone, names included;
- what would still come out wrong is refused (`refuse`).

All of that is the dialect of ezkl.  The sumcheck back end proves norms, pools, masks and
activations as they stand: for it, few passes run, and what it cannot prove it refuses itself.

`raised_tensors` names the tensors where the result must not be cut: ezkl holds them at a scale
above `scale_bits` until the product behind them brings them back.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass, TopologicalSortPass

from zkdps.circuits.dialect import Dialect
from zkdps.circuits.rewrites import (
    average_pool,
    batch_norm,
    broadcasts,
    casts,
    choices,
    cumulative,
    einsums,
    extrema,
    folds,
    gelu,
    gemm_factors,
    identities,
    indices,
    kernels,
    log_softmax,
    masks,
    max_pool,
    means,
    norms,
    padding,
    powers,
    private_masks,
    resize,
    scales,
)
from zkdps.circuits.rewrites.record import Rewrite
from zkdps.circuits.rewrites.refuse import refuse
from zkdps.core.errors import MalformedModel

__all__ = ["PASSES", "Rewrite", "raised_tensors", "rewrite"]

Pass = Callable[[ir.Model, int], list[Rewrite]]

PASSES: tuple[Pass, ...] = (
    padding.apply,
    resize.apply,
    batch_norm.apply,
    gelu.apply,
    masks.apply,
    casts.apply,
    choices.apply,
    indices.apply,
    broadcasts.apply,
    max_pool.apply,
    average_pool.apply,
    kernels.apply,
    norms.apply,
    means.apply,
    log_softmax.apply,
    powers.apply,
    extrema.apply,
    cumulative.apply,
    identities.apply,
    gemm_factors.apply,
    folds.apply,
    scales.apply,
)

SUMCHECK_PASSES: tuple[Pass, ...] = (
    resize.apply,
    batch_norm.apply,
    gemm_factors.apply,
    einsums.apply,
    log_softmax.apply,
)
"""What becomes simpler for every back end."""

ROUNDS = 16
"""More rounds than any chain of passes needs (4 are seen); a pass that undoes another ends here."""


def rewrite(
    model: onnx.ModelProto, *, scale_bits: int, dialect: Dialect = Dialect.EZKL
) -> tuple[onnx.ModelProto, tuple[Rewrite, ...]]:
    """Rewrite a normal model for a back end.

    Args:
        model: as `zkdps.circuits.normalise.normalise` leaves it; not changed.
        scale_bits: the scale of the whole run, on which masks and powers depend.
        dialect: what the back end proves.

    Returns:
        The rewritten model, and what was done, in order.

    Raises:
        UnsupportedOperator: something that no pass can make right.
        MalformedModel: the result is not valid ONNX, which the input then was not either.
    """
    edited = ir.from_proto(model)
    passes = PASSES if dialect is Dialect.EZKL else SUMCHECK_PASSES
    made: list[Rewrite] = []
    for _ in range(ROUNDS):
        found = _round(edited, passes, scale_bits)
        made += found
        if not found:
            break
    else:
        raise RuntimeError(f"the rewrites do not settle: {made[-1]}")
    if dialect is Dialect.EZKL:
        TopologicalSortPass()(edited)
        refuse(edited, scale_bits)
    else:
        made += private_masks.apply(edited)
        RemoveUnusedNodesPass()(edited)
        TopologicalSortPass()(edited)
    return _checked(ir.to_proto(edited)), tuple(made)


def raised_tensors(model: onnx.ModelProto) -> frozenset[str]:
    """Names of the tensors of a rewritten model at which it must not be cut."""
    return scales.raised_tensors(ir.from_proto(model))


def _round(model: ir.Model, passes: tuple[Pass, ...], scale_bits: int) -> list[Rewrite]:
    made = []
    for apply in passes:
        found = apply(model, scale_bits)
        if found:
            # What a pass leaves behind would count as a reader in the next.
            RemoveUnusedNodesPass()(model)
        made += found
    return made


def _checked(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        onnx.checker.check_model(inferred, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise MalformedModel("the rewritten model", str(error).strip()) from error
    constants = {initializer.name for initializer in inferred.graph.initializer}
    values = [value for value in inferred.graph.value_info if value.name not in constants]
    del inferred.graph.value_info[:]
    inferred.graph.value_info.extend(values)
    return inferred

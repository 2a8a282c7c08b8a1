"""Einsum of two tensors → MatMul between changes of shape, where attention is recognised."""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx_ir as ir

from zkdps.circuits.rewrites.editing import Patch, argument, dims, each, label, text
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Rewrite every Einsum that is a product of two tensors by letters."""
    return each(model, ("Einsum",), lambda node: _rewrite(model, node))


def _rewrite(model: ir.Model, node: ir.Node) -> Rewrite | None:
    equation = text(node, "equation", "").replace(" ", "")
    terms, arrow, result = equation.partition("->")
    parts = terms.split(",")
    if len(parts) != 2 or not arrow or not "".join((*parts, result)).isalpha():
        return None
    first, second = parts
    if any(len(set(letters)) != len(letters) for letters in (first, second, result)):
        return None
    batch = [c for c in result if c in first and c in second]
    summed = [c for c in first if c in second and c not in result]
    rows = [c for c in result if c in first and c not in second]
    columns = [c for c in result if c in second and c not in first]
    if set(first) != {*batch, *rows, *summed} or set(second) != {*batch, *columns, *summed}:
        return None  # a letter of one operand alone is summed
    patch = Patch(model, node)
    shapes = [dims(argument(node, place)) for place in (0, 1)]
    sizes = dict(zip(first + second, (*shapes[0], *shapes[1]), strict=True))

    def merged(*groups: Sequence[str]) -> list[int]:
        return [sizes[c] for c in batch] + [math.prod(sizes[c] for c in group) for group in groups]

    left = _laid(patch, argument(node, 0), first, [*batch, *rows, *summed], merged(rows, summed))
    wanted = [*batch, *summed, *columns]
    right = _laid(patch, argument(node, 1), second, wanted, merged(summed, columns))
    product = patch.node("MatMul", [left, right], "product", shape=merged(rows, columns))
    order = [*batch, *rows, *columns]
    opened = _reshaped(patch, product, [sizes[c] for c in order])
    name = label(node)
    patch.replace(_turned(patch, opened, order, list(result)))
    return Rewrite("einsums", name, f"{equation} as MatMul")


def _laid(
    patch: Patch, value: ir.Value, letters: str, wanted: list[str], shape: list[int]
) -> ir.Value:
    return _reshaped(patch, _turned(patch, value, list(letters), wanted), shape)


def _turned(patch: Patch, value: ir.Value, letters: list[str], wanted: list[str]) -> ir.Value:
    if letters == wanted:
        return value
    order = [letters.index(c) for c in wanted]
    shape = [dims(value)[place] for place in order]
    return patch.node("Transpose", [value], "turned", shape=shape, perm=order)


def _reshaped(patch: Patch, value: ir.Value, shape: list[int]) -> ir.Value:
    if list(dims(value)) == shape:
        return value
    return patch.node("Reshape", [value, patch.indices(shape, "sizes")], "laid", shape=shape)

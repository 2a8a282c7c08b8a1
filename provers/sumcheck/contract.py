"""Forms contracted with fixed weights: what is left are vectors over the sum-check's labels.

Integers are contracted as integers, by one pass over the tensor, before anything is lifted to
the extension field.

Source: docs/sumcheck.md, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.axes import Axes, Support, Weights
from zkdps.provers.sumcheck.integers import Tensors, axis_labels, expand, form_integers
from zkdps.provers.sumcheck.kernels.interface import Integers, Kernels, Vec
from zkdps.provers.sumcheck.system import System, View


def boxed_form(
    system: System, axes: Axes, values: Tensors, form: int, fixed: Weights, box: Sequence[int]
) -> Vec:
    """The form with its fixed labels weighed and summed, over a padded box of the other labels.

    Args:
        system: what the form belongs to.
        axes: makes axis vectors.
        values: the committed integers.
        form: position in the System.
        fixed: weights of the labels that are not in the box.
        box: labels of the result, each padded to 2^bits; the form is constant in those it has
            not, and 0 in the padding.
    """
    kernels = axes.kernels
    described = system.forms[form]
    kept = [label for label in box if label in described.labels]
    sizes = [system.labels[label].size for label in kept]
    if len(kept) == len(described.labels):
        integers = form_integers(system, values, form)
        order = [described.labels.index(label) for label in kept]
        total = kernels.lift(np.ascontiguousarray(integers.transpose(order)).ravel())
        return _padded(system, total, kept, box)
    total = kernels.zeros(math.prod(sizes))
    if described.constant:
        constant = field.element(described.constant, kernels.degree)
        for label in described.labels:
            if label not in kept:
                constant = field.mul(constant, fixed[label].total)
        ones = kernels.lift(np.ones(math.prod(sizes), np.int64))
        total = kernels.scale(ones, constant)
    for coefficient, view in described.views:
        scale = field.element(coefficient, kernels.degree)
        present = {label for axis in view.index for label in axis_labels(axis)}
        for label in described.labels:
            if label not in present and label not in kept:
                scale = field.mul(scale, fixed[label].total)
        part, found = _view(system, axes, values, view, fixed, kept)
        if scale != field.one(kernels.degree):
            part = kernels.scale(part, scale)
        lengths = [system.labels[label].size if label in found else 1 for label in kept]
        spread = tuple(
            np.array(np.broadcast_to(limb.reshape(lengths), sizes), order="C").ravel()
            for limb in part
        )
        total = kernels.add(total, spread)
    return _padded(system, total, kept, box)


def _view(
    system: System,
    axes: Axes,
    values: Tensors,
    view: View,
    fixed: Weights,
    kept: Sequence[int],
) -> tuple[Vec, list[int]]:
    """The view over those of the `kept` labels that it has, in that order, and these labels."""
    kernels = axes.kernels
    array: Integers = values[view.tensor]
    dimensions: list[int | Support] = []
    shape: list[int] = []
    for position, axis in enumerate(view.index):
        labels = axis_labels(axis)
        if any(label in kept for label in labels):
            array = expand(system, values, array, position, axis)
            shape += [system.labels[label].size for label in labels]
            dimensions += [label if label in kept else fixed[label] for label in labels]
            continue
        vector = axes.vector(axis, array.shape[position], fixed)
        if vector is None:
            found = [label for label in kept for a in view.index if label in axis_labels(a)]
            return kernels.zeros(math.prod(system.labels[label].size for label in found)), found
        cut = [slice(None)] * position + [slice(vector.start, vector.start + vector.length)]
        array = array[tuple(cut)]
        shape.append(vector.length)
        dimensions.append(vector)
    array = array.reshape(shape)
    places = {label: at for at, label in enumerate(dimensions) if isinstance(label, int)}
    found = [label for label in kept if label in places]
    summed = [at for at, dimension in enumerate(dimensions) if isinstance(dimension, Support)]
    outputs = [places[label] for label in found]
    vec = kernels.lift(np.ones(1, np.int64))
    for at in summed:
        dimension = dimensions[at]
        if isinstance(dimension, Support):
            vec = dimension.vec if kernels.length(vec) == 1 else kernels.outer(vec, dimension.vec)
    return _contracted(kernels, array, outputs, summed, vec), found


def _contracted(
    kernels: Kernels, array: Integers, kept: list[int], summed: list[int], vec: Vec
) -> Vec:
    """The array over its axes `kept`, the axes `summed` contracted with `vec`."""
    rows = math.prod(array.shape[axis] for axis in kept)
    if not summed:
        return kernels.lift(np.ascontiguousarray(array.transpose(kept)).ravel())
    if summed + kept == sorted(summed + kept):
        matrix = np.ascontiguousarray(array, np.int32).reshape(-1, rows)
        return kernels.dot_rows(matrix, vec)
    matrix = np.ascontiguousarray(array.transpose(kept + summed), np.int32).reshape(rows, -1)
    return kernels.rows_dot(matrix, vec)


def _padded(system: System, total: Vec, kept: Sequence[int], box: Sequence[int]) -> Vec:
    """From the exact box of `kept` to the padded box of `box`."""
    exact = [system.labels[label].size if label in kept else 1 for label in box]
    wide = [1 << system.labels[label].bits if label in kept else 1 for label in box]
    full = [1 << system.labels[label].bits for label in box]
    if exact == full:
        return total
    padded = []
    for limb in total:
        array = np.zeros(wide, np.uint32)
        array[tuple(slice(0, size) for size in exact)] = limb.reshape(exact)
        padded.append(np.array(np.broadcast_to(array, full), order="C").ravel())
    return tuple(padded)


def boxed_eq(
    system: System,
    kernels: Kernels,
    rho: Sequence[Support],
    box: Sequence[int],
    outputs: Sequence[int],
) -> Vec:
    """The product of eq(rho, .) of the labels `outputs`, over the padded box.

    What stands in the padding does not matter: forms are 0 there.
    """
    vec = kernels.lift(np.ones(1, np.int64))
    for label in outputs:
        vec = kernels.outer(vec, kernels.eq_table(rho[label].point or ()))
    narrow = [1 << system.labels[label].bits if label in outputs else 1 for label in box]
    full = [1 << system.labels[label].bits for label in box]
    return tuple(
        np.array(np.broadcast_to(limb.reshape(narrow), full), order="C").ravel() for limb in vec
    )

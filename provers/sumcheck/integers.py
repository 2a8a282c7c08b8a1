"""The prover's integers read through views: forms over boxes of labels, as arrays.

Source: docs/sumcheck.md, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.kernels.interface import Integers
from zkdps.provers.sumcheck.system import AxisIndex, Picked, System, View

Tensors = Mapping[int, Integers]
"""Tensor position to its integers, in storage shape."""

_NARROW = 1 << 31
_EXACT = 1 << 62
"""Sums of smaller absolute value are kept as they are; larger ones are reduced modulo p."""


def form_integers(system: System, values: Tensors, position: int) -> Integers:
    """The form on the box of its labels: int32 or int64, as it fits.

    Where int64 could overflow, the entries are residues modulo p.
    """
    form = system.forms[position]
    sizes = [system.labels[label].size for label in form.labels]
    reach = abs(form.constant) + sum(
        abs(coefficient) * _magnitude(values[view.tensor]) for coefficient, view in form.views
    )
    parts = [
        (coefficient, view_integers(system, values, view, form.labels))
        for coefficient, view in form.views
    ]
    if reach < _NARROW and len(parts) == 1 and parts[0][0] == 1 and form.constant == 0:
        whole: Integers = np.broadcast_to(parts[0][1], sizes)
        return whole
    if reach < _NARROW:
        narrow = np.full(sizes, form.constant, np.int32)
        for coefficient, part in parts:
            narrow += np.int32(coefficient) * part.astype(np.int32, copy=False)
        return narrow
    result = np.full(sizes, form.constant, np.int64)
    for coefficient, part in parts:
        wide = part.astype(np.int64, copy=False)
        if reach < _EXACT:
            result += coefficient * wide
        else:
            result = (result + wide % P * coefficient % P) % P
    return result


def view_integers(system: System, values: Tensors, view: View, labels: Sequence[int]) -> Integers:
    """The view with one axis for each of `labels`, of length 1 where the view has not the label."""
    array: Integers = values[view.tensor]
    found: list[int] = []
    for position, axis in enumerate(view.index):
        array = expand(system, values, array, position, axis)
        found += axis_labels(axis)
    array = array.reshape([system.labels[label].size for label in found])
    order = [label for label in labels if label in found]
    array = array.transpose([found.index(label) for label in order])
    return array.reshape([system.labels[label].size if label in found else 1 for label in labels])


def axis_labels(axis: AxisIndex) -> list[int]:
    """The labels of an axis index, in its order."""
    return [axis.label] if isinstance(axis, Picked) else [label for label, _ in axis.terms]


def expand(
    system: System, values: Tensors, array: Integers, position: int, axis: AxisIndex
) -> Integers:
    """The array with one axis indexed by the labels of `axis`, row-major, instead of stored."""
    size = array.shape[position]
    if isinstance(axis, Picked):
        index = values[axis.tensor].ravel().astype(np.int64)
    else:
        index = np.full(1, axis.offset, np.int64)
        for label, stride in axis.terms:
            index = (index[:, None] + stride * np.arange(system.labels[label].size)).ravel()
    if len(index) == size and index[0] == 0 and _consecutive(index):
        return array
    if index[0] >= 0 and index[-1] < size and _consecutive(index):
        cut: list[slice] = [slice(None)] * array.ndim
        cut[position] = slice(int(index[0]), int(index[-1]) + 1)
        return array[tuple(cut)]
    inside = (index >= 0) & (index < size)
    taken = np.take(array, np.where(inside, index, 0), axis=position)
    if not bool(inside.all()):
        mask = inside.reshape([-1 if axis == position else 1 for axis in range(array.ndim)])
        taken = np.where(mask, taken, 0)
    return taken


def _consecutive(index: NDArray[np.int64]) -> bool:
    return bool((np.diff(index) == 1).all())


def _magnitude(values: Integers) -> int:
    return max(abs(int(values.min())), abs(int(values.max())))

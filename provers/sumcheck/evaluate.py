"""Views and forms of a system evaluated on integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from zkdps.provers.sumcheck.system import (
    Affine,
    Form,
    Int64s,
    Label,
    Picked,
    Tensor,
    Values,
    View,
)
from zkdps.provers.sumcheck.wires import NOTHING


class Space(Protocol):
    """What positions of labels and tensors mean: a `System`, or one in the making."""

    @property
    def labels(self) -> Sequence[Label]:
        """By position."""

    @property
    def tensors(self) -> Sequence[Tensor]:
        """By position."""


def form_integers(system: Space, form: Form, values: Values) -> Int64s:
    """A form over the box of its labels, int64, one axis a label, in the form's order.

    Args:
        values: integers of the tensors that it views, by position.
    """
    sizes = tuple(system.labels[label].size for label in form.labels)
    total = np.full(sizes, form.constant, dtype=np.int64)
    for coefficient, view in form.views:
        if _is_whole(system, view, form.labels):
            # Weights may be int32: the product is not.
            total += coefficient * values[view.tensor].reshape(sizes).astype(np.int64, copy=False)
            continue
        places = view_positions(system, view, form.labels, values)
        entries = values[view.tensor].reshape(-1)[np.maximum(places, 0)].astype(np.int64)
        if int(places.min()) < 0:
            entries = np.where(places >= 0, entries, 0)
        total += coefficient * entries
    return total


def view_positions(
    system: Space, view: View, labels: tuple[int, ...], values: Values | None
) -> Int64s:
    """Flat positions that a view reads, `NOTHING` where it is 0; of extent 1 where it has no label.

    Args:
        labels: one axis of the result each.
        values: needed where an index is picked; `None` counts a picked axis as read everywhere.
    """
    place = np.zeros((1,) * len(labels), dtype=np.int64)
    inside = np.ones((1,) * len(labels), dtype=bool)
    for axis, extent in zip(view.index, system.tensors[view.tensor].shape, strict=True):
        coordinate = np.zeros((1,) * len(labels), dtype=np.int64)
        if isinstance(axis, Picked):
            if values is not None:
                picked = values[axis.tensor].reshape(-1)
                coordinate = picked.reshape(_along(labels, axis.label, len(picked)))
        else:
            coordinate = _affine(system, axis, labels)
        place = place * extent + coordinate
        if int(coordinate.min()) < 0 or int(coordinate.max()) >= extent:
            inside = inside & (coordinate >= 0) & (coordinate < extent)
    return np.where(inside, place, NOTHING)


def _is_whole(system: Space, view: View, labels: tuple[int, ...]) -> bool:
    """Whether a view is its tensor as stored, one label an axis: the usual case, and cheap."""
    if view.index != tuple(Affine(0, ((label, 1),)) for label in labels):
        return False
    return system.tensors[view.tensor].shape == tuple(system.labels[n].size for n in labels)


def _affine(system: Space, axis: Affine, labels: tuple[int, ...]) -> Int64s:
    result = np.full((1,) * len(labels), axis.offset, dtype=np.int64)
    for label, stride in axis.terms:
        size = system.labels[label].size
        steps = stride * np.arange(size, dtype=np.int64)
        result = result + steps.reshape(_along(labels, label, size))
    return result


def _along(labels: tuple[int, ...], label: int, size: int) -> tuple[int, ...]:
    shape = [1] * len(labels)
    shape[labels.index(label)] = size
    return tuple(shape)

"""Operands: a wire read through labels, with the scale and range that its values give it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zkdps.provers.sumcheck.system import Affine, Int64s, View
from zkdps.provers.sumcheck.views import affine_indices
from zkdps.provers.sumcheck.wires import Wire, part_of

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder

Axis = tuple[int, ...]
"""Labels that index one dimension together, outermost first; sizes multiply to its size."""
Integers = Mapping[str, Int64s]
"""What has been computed so far, by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Operand:
    """A wire as a sum of views: real = integer / 2**scale_bits."""

    views: tuple[tuple[int, View], ...]
    labels: Axis
    """Those that occur in a view: a broadcast dimension has none."""
    box: Axis
    """All labels of the wire's axes."""
    scale_bits: int
    low: int
    high: int
    """Inclusive range of the integers."""
    read: Callable[[Integers], Int64s]
    """The integers, int64, of the wire's shape."""

    @property
    def magnitude(self) -> int:
        """Largest absolute value in the range."""
        return max(abs(self.low), abs(self.high))


def operand_of(
    builder: Builder, wire: Wire, axes: Sequence[Axis], copies: Mapping[str, str]
) -> Operand:
    """Read a wire; values of different scales are aligned to the finest by powers of two.

    Args:
        copies: values that are read from a copy instead.

    Raises:
        LayoutFailed: the labels cannot express the wire.
    """
    box = tuple(label for axis in axes for label in axis)
    sizes = tuple(builder.labels_made[label].size for label in box)
    if math.prod(sizes) != wire.size:
        raise ValueError(f"labels of {sizes} do not index a wire of {wire.shape}")
    widths = [builder.width(part.value) for part in wire.parts]
    scale_bits = max((width.scale_bits for width in widths), default=0)
    gains = [1 << (scale_bits - width.scale_bits) for width in widths]
    views = []
    filled = 0
    for part, gain in zip(wire.parts, gains, strict=True):
        found = int(np.count_nonzero(part.index >= 0))
        filled += found
        if not found:
            continue
        name = copies.get(part.value, part.value)
        storage = builder.storage.shapes[name]
        indices = affine_indices(part.index.reshape(sizes), storage)
        if indices is None:
            what = f"reading {part.value!r}, stored as {storage}, by labels of {sizes}"
            raise builder.failed(f"{what}: the index is not affine")
        named = tuple(
            Affine(i.offset, tuple((box[label], stride) for label, stride in i.terms))
            for i in indices
        )
        views.append((gain, View(builder.positions[name], named)))
    spans = [(g * w.low, g * w.high) for g, w in zip(gains, widths, strict=True)]
    if filled < wire.size or not spans:
        spans.append((0, 0))
    occurring = {label for _, view in views for label in labels_of(view)}

    def read(values: Integers) -> Int64s:
        total = np.zeros(wire.shape, dtype=np.int64)
        for part, gain in zip(wire.parts, gains, strict=True):
            total = total + gain * part_of(part, values[part.value])
        return total

    return Operand(
        tuple(views),
        tuple(label for label in box if label in occurring),
        box,
        scale_bits,
        min(low for low, _ in spans),
        max(high for _, high in spans),
        read,
    )


def operand_of_tensor(builder: Builder, name: str, axes: Sequence[Axis]) -> Operand:
    """Read all of a committed tensor as it is stored, without an index for each entry.

    Args:
        axes: labels of each axis of its storage.
    """
    shape, width = builder.storage.shapes[name], builder.width(name)
    indices = []
    for axis, size in zip(axes, shape, strict=True):
        sizes = [builder.labels_made[label].size for label in axis]
        if math.prod(sizes) != size:
            raise ValueError(f"labels of {sizes} do not index an axis of {size}")
        strides = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
        terms = zip(axis, sizes, strides, strict=True)
        indices.append(Affine(0, tuple((label, step) for label, n, step in terms if n > 1)))
    box = tuple(label for axis in axes for label in axis)
    view = View(builder.positions[name], tuple(indices))
    occurring = labels_of(view)

    def read(values: Integers) -> Int64s:
        return values[name].reshape(shape).astype(np.int64)

    return Operand(
        ((1, view),),
        tuple(label for label in box if label in occurring),
        box,
        width.scale_bits,
        width.low,
        width.high,
        read,
    )


def labels_of(view: View) -> Axis:
    """Labels that occur in a view."""
    return tuple(
        label
        for axis in view.index
        for label in ([t[0] for t in axis.terms] if isinstance(axis, Affine) else [axis.label])
    )


def pieces_of(
    parts: Sequence[Operand | tuple[int, Operand]],
) -> tuple[Axis, tuple[tuple[int, View], ...]]:
    """Labels, in order of occurrence, and views of a sum of coefficient * operand."""
    labels: dict[int, None] = {}
    views = []
    for part in parts:
        coefficient, operand = part if isinstance(part, tuple) else (1, part)
        labels.update(dict.fromkeys(operand.labels))
        views += [(coefficient * gain, view) for gain, view in operand.views]
    return tuple(labels), tuple(views)

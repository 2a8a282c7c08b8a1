"""Storage shapes: under which axes every value is committed, decided before a block is built.

A boundary tensor keeps its own shape, since two blocks must commit to it alike; where this block
reads it in a way that these axes cannot express it reads a committed copy.  Any other value takes
the first shape that expresses all its readings: its own, then coarser and finer ones.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zkdps.provers.sumcheck.program import Program
from zkdps.provers.sumcheck.system import Int64s
from zkdps.provers.sumcheck.views import Shape, affine_indices, factors_of, flat_strides
from zkdps.provers.sumcheck.wires import Part, Wire, whole

MAX_CANDIDATES = 128
"""Storage shapes tried for one value."""


@dataclass(frozen=True, slots=True)
class Storage:
    """How the values of a block are stored."""

    shapes: dict[str, Shape]
    """Storage shape of every value; inner tensors are added as they are committed."""
    copies: dict[str, str]
    """Boundary tensor to the name of its copy, which is what the block reads."""
    published: dict[str, str]
    """Result that is a boundary tensor as it stands, to the name of that tensor."""

    @property
    def read_as(self) -> Mapping[str, Shape]:
        """Storage of what is read under each name."""
        return {**self.shapes, **{name: self.shapes[copy] for name, copy in self.copies.items()}}


def storage_shapes(
    program: Program, fixed: Mapping[str, Shape], publishable: Mapping[str, str]
) -> Storage:
    """Decide the storage of inputs, results and outputs.

    Args:
        program: its operators' `reads` and `written`, and its outputs, are what must be expressed.
        fixed: storage of the boundary tensors, read and written.
        publishable: results that equal a boundary tensor, to its name; published where the
            boundary's axes express all their readings.
    """
    readings: dict[str, list[Int64s]] = {}
    shapes: dict[str, Shape] = {}
    wires = [wire for _, wire in program.outputs]
    for operation in program.operations:
        shapes[operation.name] = tuple(operation.shape)
        wires += [operation.written, *operation.reads]
    for wire in wires:
        for part in wire.parts:
            readings.setdefault(part.value, []).append(part.index)
    storage = Storage({}, {}, {})
    for name, shape in fixed.items():
        storage.shapes[name] = shape
    for spec in program.inputs:
        found = readings.get(spec.name, [])
        if not _expressed(found, fixed[spec.name]):
            storage.copies[spec.name] = f"{spec.name}.copy"
            natural = _plain(spec.shape)
            own = whole(spec.name, fixed[spec.name]).parts[0].index
            storage.shapes[f"{spec.name}.copy"] = _best([*found, own], natural)
    for name, shape in shapes.items():
        boundary = publishable.get(name)
        if boundary is not None and _plainly_expressed(readings[name], fixed[boundary]):
            storage.published[name] = boundary
            storage.shapes[name] = fixed[boundary]
            continue
        storage.shapes[name] = _best(readings[name], _plain(shape))
    return storage


def _best(readings: Sequence[Int64s], natural: Shape) -> Shape:
    candidates = list(itertools.islice(_candidates(readings, natural), MAX_CANDIDATES))
    for shape in candidates:
        if _plainly_expressed(readings, shape):
            return shape
    for shape in candidates:
        if _expressed(readings, shape):
            return shape
    return natural


def _plainly_expressed(readings: Sequence[Int64s], storage: Shape) -> bool:
    """Whether every reading has an affine form in one label an axis."""
    return all(affine_indices(index, storage) is not None for index in readings)


def _expressed(readings: Sequence[Int64s], storage: Shape) -> bool:
    """Whether every reading has an affine form in some labels."""
    for index in readings:
        if not (index >= 0).any() or affine_indices(index, storage) is not None:
            continue
        wire = Wire(index.shape, (Part("", index),))
        sizes = tuple(n for cut in factors_of(wire, {"": storage}) for n in cut)
        if affine_indices(index.reshape(sizes), storage) is None:
            return False
    return True


def _candidates(readings: Sequence[Int64s], natural: Shape) -> Sequence[Shape]:
    """The shape itself, then cuts of it at its own strides and at those of its readings."""
    size = math.prod(natural)
    chain = {math.prod(natural[i + 1 :]) for i in range(len(natural))}
    for stride in sorted({s for index in readings for s in flat_strides(index)}):
        if size % stride == 0 and all(
            stride % other == 0 or other % stride == 0 for other in chain
        ):
            chain.add(stride)
    inner = sorted(chain - {1, size}, reverse=True)
    shapes = [natural]
    for count in range(len(inner), -1, -1):
        for chosen in itertools.combinations(inner, count):
            cuts = [size, *chosen, 1]
            shape = tuple(a // b for a, b in itertools.pairwise(cuts)) if size > 1 else (1,)
            if shape not in shapes:
                shapes.append(shape)
    return shapes


def _plain(shape: Sequence[int]) -> Shape:
    """Without axes of size 1."""
    return tuple(size for size in shape if size > 1) or (1,)

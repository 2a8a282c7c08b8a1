"""The builder: operators declare themselves to it, and a constraint system comes out.

A dimension of an operator is a letter, as in einsum.  `axes` gives every letter an `Axis`: the
labels that index it, one label as a rule, several where a wire's axis is composite (768 = 12 x 64,
transposed).  `operand` reads a wire through axes; `form` adds operands up; `relation` multiplies
forms; `requantise`, `range_check`, `range_lookup` and `pair_lookup` bound what was committed.

    axes = builder.axes((x, "tk"), (weight, "kn"), (self.written, "tn"))
    left, right = builder.operand(x, axes, "tk"), builder.operand(weight, axes, "kn")

Functions that compute integers get a mapping from names to int64 arrays of everything computed
before, and run in the order of declaration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zkdps.core.errors import LayoutFailed
from zkdps.provers.sumcheck.bounds import BoundsTable
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.operands import (
    Axis,
    Integers,
    Operand,
    operand_of,
    operand_of_tensor,
    pieces_of,
)
from zkdps.provers.sumcheck.program import Width, Widths
from zkdps.provers.sumcheck.ranges import RangeRequest
from zkdps.provers.sumcheck.requantise import requantise, rounding
from zkdps.provers.sumcheck.storage import Storage
from zkdps.provers.sumcheck.system import (
    Bound,
    Form,
    Holder,
    Int32s,
    Int64s,
    Label,
    Lookup,
    Relation,
    Table,
    Tensor,
    Term,
    View,
)
from zkdps.provers.sumcheck.views import common_factors, factors_of
from zkdps.provers.sumcheck.wires import Wire, whole

Terms = Sequence[tuple[int, tuple[int, ...]]]
"""(coefficient, forms) of each term of a relation."""


@dataclass(frozen=True, slots=True)
class Step:
    """Computes the integers of some names, from everything computed before."""

    names: tuple[str, ...]
    compute: Callable[[Integers], Sequence[Int64s]]


@dataclass(slots=True)
class Builder:
    """A constraint system in the making; `build` makes one and finishes it."""

    block: int
    widths: Widths
    storage: Storage
    bounds: BoundsTable
    labels_made: list[Label] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    ranges: list[RangeRequest] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    weights: dict[str, Int32s | Int64s] = field(default_factory=dict)
    known: dict[str, Width] = field(default_factory=dict)
    """Width of every committed tensor."""
    positions: dict[str, int] = field(default_factory=dict)
    """Of every committed tensor; a published result has two names."""
    _labels: dict[tuple[int, int], int] = field(default_factory=dict)
    _forms: dict[Form, int] = field(default_factory=dict)
    _tables: dict[tuple[int, int, bytes | None], int] = field(default_factory=dict)

    # --- indices --------------------------------------------------------------------------------

    def labels(self, *sizes: int) -> Axis:
        """Labels of these sizes, distinct among themselves; used again in later calls."""
        seen: dict[int, int] = {}
        made = []
        for size in sizes:
            key = (size, seen.get(size, 0))
            seen[size] = key[1] + 1
            if key not in self._labels:
                self._labels[key] = len(self.labels_made)
                self.labels_made.append(Label(f"{size}.{key[1]}", size))
            made.append(self._labels[key])
        return tuple(made)

    def axes(self, *readings: tuple[Wire, str]) -> dict[str, Axis]:
        """Labels for every letter, fine enough for all the wires that carry it.

        Args:
            readings: (wire, one letter for each of its axes).

        Raises:
            LayoutFailed: two wires cut a dimension in ways that do not fit each other.
        """
        cuts: dict[str, tuple[int, ...]] = {}
        for wire, letters in readings:
            factors = factors_of(wire, self.storage.read_as)
            for letter, size, found in zip(letters, wire.shape, factors, strict=True):
                merged = common_factors(cuts.get(letter, (size,)), found)
                if merged is None:
                    what = f"dimension {letter} of {cuts[letter]} and of {found}"
                    names = sorted({part.value for part in wire.parts})
                    raise self.failed(f"reading {names}: {what} cannot be labelled together")
                cuts[letter] = merged
        flat = iter(self.labels(*(size for sizes in cuts.values() for size in sizes)))
        return {letter: tuple(next(flat) for _ in sizes) for letter, sizes in cuts.items()}

    def operand(self, wire: Wire, axes: Mapping[str, Axis], letters: str) -> Operand:
        """A wire read through the labels of its letters.

        Raises:
            LayoutFailed: the labels cannot express it.
        """
        groups = tuple(axes[letter] for letter in letters)
        return operand_of(self, wire, groups, self.storage.copies)

    def extent(self, axis: Axis) -> int:
        """Size of a dimension."""
        return math.prod(self.labels_made[label].size for label in axis)

    # --- tensors --------------------------------------------------------------------------------

    def width(self, name: str) -> Width:
        """Scale and range: as committed, or as planned for a value that is still to come."""
        return self.known[name] if name in self.known else self.widths(name)

    def commit(
        self,
        name: str,
        shape: Sequence[int],
        width: Width,
        bound: Bound,
        compute: Callable[[Integers], Int64s] | None = None,
        holder: Holder = Holder.AUX,
    ) -> int:
        """Declare a tensor; the storage shape of a program's value is decided already.

        Args:
            name: unique in the block; inner tensors are named `operator.what`.
            shape: storage shape of an inner tensor.
            width: scale, and the range that execution checks and `bound` enforces.
            compute: its integers; `None` where a `step` computes them.

        Returns:
            Its position.
        """
        if name in self.positions:
            raise self.failed(f"tensor {name!r} is committed twice")
        storage = self.storage.shapes.setdefault(name, tuple(shape))
        if math.prod(storage) != math.prod(shape):
            raise ValueError(f"{name}: storage {storage} does not hold {tuple(shape)}")
        self.positions[name] = len(self.tensors)
        self.known[name] = width
        boundary = self.storage.published.get(name)
        if boundary is not None:
            self.positions[boundary], self.known[boundary] = len(self.tensors), width
            # Its readers bound it by a look-up, and both sides describe it alike.
            holder, bound = Holder.BOUNDARY, Bound.LOOKUP
        kept = Tensor(boundary or name, holder, storage, width.low, width.high, bound)
        self.tensors.append(kept)
        if compute is not None:
            self.step((name,), lambda values: (compute(values),))
        return self.positions[name]

    def step(self, names: Sequence[str], compute: Callable[[Integers], Sequence[Int64s]]) -> None:
        """Compute several arrays at once, in any shape; some may be no tensor's."""
        self.steps.append(Step(tuple(names), compute))

    def weight(self, name: str, integers: Int32s | Int64s, scale_bits: int) -> Wire:
        """Commit constants of the model; read them as a wire, which has an index for each."""
        self.hold(name, integers, scale_bits)
        return whole(name, integers.shape)

    def constant(
        self,
        name: str,
        integers: Int32s | Int64s,
        scale_bits: int,
        axes: Mapping[str, Axis],
        letters: str,
    ) -> Operand:
        """Commit constants of the model, however many, and read them through their letters."""
        self.hold(name, integers, scale_bits)
        return operand_of_tensor(self, name, tuple(axes[letter] for letter in letters))

    def hold(self, name: str, integers: Int32s | Int64s, scale_bits: int) -> Width:
        """Commit constants of the model."""
        low, high = int(integers.min(initial=0)), int(integers.max(initial=0))
        width = Width(scale_bits, low, high)
        self.commit(name, integers.shape, width, Bound.WEIGHT, holder=Holder.WEIGHTS)
        self.weights[name] = integers
        return width

    # --- relations and look-ups -----------------------------------------------------------------

    def form(
        self, *parts: Operand | tuple[int, Operand], constant: int = 0, labels: Axis = ()
    ) -> int:
        """constant + sum of coefficient * operand, over all labels of the operands and `labels`.

        Returns:
            Its position; equal forms are one.
        """
        used, views = pieces_of(parts)
        return self.place(used, views, constant=constant, labels=labels)

    def place(
        self,
        used: Axis,
        views: tuple[tuple[int, View], ...],
        *,
        constant: int = 0,
        labels: Axis = (),
    ) -> int:
        """A form of views; over `labels` if given, else over the labels used, in their order."""
        made = Form(labels or used, constant, views)
        if made not in self._forms:
            self._forms[made] = len(self.forms)
            self.forms.append(made)
        return self._forms[made]

    def relation(self, name: str, labels: Axis, terms: Terms) -> None:
        """For all values of `labels`: the terms, summed over their other labels, add up to 0."""
        built = tuple(Term(coefficient, forms) for coefficient, forms in terms)
        self.relations.append(Relation(name, labels, built))

    def table(self, name: str, low: int, rows: int, values: Int64s | None = None) -> int:
        """The range table `low..low+rows-1`, or a pair table; one for each distinct content."""
        content = None if values is None else np.asarray(values).astype("<i4").tobytes()
        key = (low, rows, content)
        if key not in self._tables:
            position = len(self.tables)
            width = Width(0, 0, P - 1)
            counts = self.commit(f"count.{position + 1}.{name}", (rows,), width, Bound.MULTIPLICITY)
            held = None if values is None else np.asarray(values).astype(np.int32)
            self.tables.append(Table(name, position + 1, low, rows, held, counts))
            self._tables[key] = position
        return self._tables[key]

    def pair_lookup(self, name: str, labels: Axis, table: int, key: int, value: int | None) -> None:
        """For all values of `labels`: (form `key`, form `value`) is a row of the table."""
        self.lookups.append(Lookup(name, labels, table, key, value))

    def range_lookup(
        self,
        name: str,
        labels: Axis,
        *parts: Operand | tuple[int, Operand],
        low: int,
        high: int,
        constant: int = 0,
    ) -> None:
        """For all values of `labels`: constant + sum of coefficient * operand is in low..high."""
        key = self.form(*parts, constant=constant - low, labels=labels)
        self.request_range(name, key, high - low + 1)

    def request_range(self, name: str, form: int, rows: int) -> None:
        """For all values of the form's labels: it is in 0..rows-1; `settle_ranges` decides how."""
        self.ranges.append(RangeRequest(name, self.forms[form], rows))

    def range_check(self, name: str) -> None:
        """Look up every entry of a committed tensor in its own range."""
        width, storage = self.known[name], self.storage.shapes[name]
        labels = self.labels(*storage)
        operand = operand_of(self, whole(name, storage), tuple((n,) for n in labels), {})
        self.range_lookup(name, labels, operand, low=width.low, high=width.high)

    def requantise(
        self,
        name: str,
        axes: Mapping[str, Axis],
        letters: str,
        *,
        terms: Terms,
        scale_bits: int,
        magnitude: int,
        accumulate: Callable[[Integers], Int64s],
        holder: Holder = Holder.AUX,
    ) -> None:
        """Commit `name` = the terms' sum, rounded to its own scale: y*2^s + r - 2^(s-1) = acc.

        y = floor((acc + 2^(s-1)) / 2^s); s = 0 takes acc as it is, s < 0 takes acc * 2^-s.  r is
        looked up in 0..2^s-1, and committed unless acc is linear; y is looked up in its range;
        rules U and Z are checked.

        Args:
            name: value to commit, labelled `letters` in the shape it is written in.
            terms: acc, without y.
            scale_bits: of acc.
            magnitude: static bound of |acc| over all operands in their ranges.
            accumulate: acc from the integers, exact, int64, in any shape of the right order.

        Raises:
            LayoutFailed: rule U or Z does not hold.
        """
        requantise(self, name, axes, letters, terms, scale_bits, magnitude, accumulate, holder)

    def prove_bounds(
        self, relation: str, *, count: int, shift: int, magnitude: int, decomposed: int
    ) -> None:
        """Rules U and Z for a decomposition hi*2^shift + r = acc.

        U: count * 2^shift <= p, so (hi, r) is unique.  Z: magnitude + decomposed < p, so equality
        mod p is equality of integers.  Both are recorded.

        Args:
            count: number of values hi may take.
            magnitude: bound of |acc| for operands in range.
            decomposed: bound of |hi*2^shift + r - offset|.

        Raises:
            LayoutFailed: one does not hold.
        """
        self.bounds.prove(relation, count, shift, magnitude, decomposed)

    def fits(self, name: str, scale_bits: int, magnitude: int) -> bool:
        """Whether rules U and Z let an accumulator be rounded to the width of `name`."""
        row = rounding(name, self.width(name), scale_bits, magnitude)
        return row.unique and row.integer

    def prove_rounding(self, name: str, scale_bits: int, magnitude: int) -> None:
        """Rules U and Z for rounding an accumulator to the width of `name`.

        Raises:
            LayoutFailed: one does not hold.
        """
        row = rounding(name, self.width(name), scale_bits, magnitude)
        self.bounds.prove(name, row.count, row.shift, row.magnitude, row.decomposed)

    def failed(self, reason: str) -> LayoutFailed:
        """The error to raise."""
        return LayoutFailed(self.block, reason)

"""The largest entry along the last axis.

    y_n = max_j x_nj, exact

y - x is looked up in a range from 0, so y is not below any entry; a committed indicator b with
sum_j b = 1 and b * (y - x) = 0 says that it is one of them: b need not be 0 or 1, since where no
difference of a row is 0 all of its b are 0, and they do not sum to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING

import numpy as np

from zkdps.provers.sumcheck.operands import Axis, Integers
from zkdps.provers.sumcheck.operators.calibrated import width_of
from zkdps.provers.sumcheck.operators.interface import Reals, Role
from zkdps.provers.sumcheck.program import Width, Widths
from zkdps.provers.sumcheck.system import Bound, Int64s
from zkdps.provers.sumcheck.wires import Wire, whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder


@dataclass(frozen=True, slots=True, eq=False)
class Maximum:
    """max over the last axis: (..., j) -> (...)."""

    name: str
    operand: Wire

    @property
    def shape(self) -> tuple[int, ...]:
        """Without the last axis; (1,) where there is no other."""
        return self.operand.shape[:-1] or (1,)

    @property
    def reads(self) -> tuple[Wire, ...]:
        """The operand."""
        return (self.operand.reshape((*self.shape, self.operand.shape[-1])),)

    @property
    def written(self) -> Wire:
        """The result, one letter an axis."""
        return whole(self.name, self.shape)

    @property
    def role(self) -> Role:
        """Scale and range are the operand's."""
        return Role.EXACT

    def real(self, operands: Sequence[Reals]) -> Reals:
        """The maximum."""
        return np.asarray(np.max(operands[0], axis=-1), dtype=np.float64)

    def measure(self, operands: Sequence[Reals]) -> dict[str, float]:
        """Nothing: the result's width is the operand's."""
        return {}

    def choose(self, maxima: Mapping[str, float], widths: Widths) -> dict[str, Width]:
        """The operand's width."""
        return {self.name: width_of(self.reads[0], widths)}

    def define(self, builder: Builder) -> None:
        """y - x >= 0 by look-up; some difference of every row is 0."""
        (read,) = self.reads
        outer = ascii_lowercase[: len(self.shape)]
        axes = builder.axes((read, outer + "z"), (self.written, outer))
        operand = builder.operand(read, axes, outer + "z")
        width = builder.width(self.name)
        if width != Width(operand.scale_bits, operand.low, operand.high):
            raise builder.failed(f"{self.name}: a maximum has the width of what it is taken of")
        builder.commit(
            self.name,
            self.shape,
            width,
            Bound.LOOKUP,
            compute=lambda values: operand.read(values).max(axis=-1),
        )
        builder.range_check(self.name)
        top = builder.operand(self.written, axes, outer)
        labels = labels_of(axes, outer + "z")
        # Below p / 2, so that the difference mod p is the difference.
        builder.prove_bounds(
            self.name, count=width.count, shift=0, magnitude=0, decomposed=2 * width.count
        )
        builder.range_lookup(
            f"{self.name}.gap", labels, top, (-1, operand), low=0, high=width.count - 1
        )
        gap = builder.form(top, (-1, operand), labels=labels)

        def gaps(values: Integers) -> Int64s:
            entries = operand.read(values)
            return np.asarray(entries.max(axis=-1, keepdims=True) - entries)

        attain(builder, self.name, axes, outer, "z", gap, gaps)


def attain(
    builder: Builder,
    name: str,
    axes: Mapping[str, Axis],
    outer: str,
    inner: str,
    gap: int,
    compute: Callable[[Integers], Int64s],
) -> None:
    """Some gap of every row is 0: commit the indicator `name.which` that says where.

    Args:
        name: of the maximum.
        outer: letters of the rows.
        inner: letter along a row.
        gap: form over the labels of `outer + inner`, proven to be small and >= 0.
        compute: the gaps, int64 (*outer, inner); every row holds a 0.
    """
    which = f"{name}.which"
    shape = tuple(builder.extent(axes[letter]) for letter in outer + inner)

    def indicator(values: Integers) -> Int64s:
        gaps = compute(values).reshape(shape)
        chosen = np.zeros(shape, dtype=np.int64)
        np.put_along_axis(chosen, gaps.argmin(axis=-1)[..., None], 1, axis=-1)
        return chosen

    builder.commit(which, shape, Width(0, 0, 1), Bound.HELPER, compute=indicator)
    form = builder.form(builder.operand(whole(which, shape), axes, outer + inner))
    builder.relation(f"{name}.reached", labels_of(axes, outer + inner), [(1, (form, gap))])
    builder.relation(f"{name}.exists", labels_of(axes, outer), [(1, (form,)), (-1, ())])


def labels_of(axes: Mapping[str, Axis], letters: str) -> Axis:
    """The labels of several letters, in their order."""
    return tuple(label for letter in letters for label in axes[letter])

"""Rounded division by an integer that depends on the input.

    y = floor((2*num + den) / (2*den)), nearest, halves up:
    2*num + den = 2*den*y + r  with  r >= 0  and  2*den - 1 - r >= 0

Both look-ups together say 0 <= r < 2*den, so den = 0 has no witness, and den <= `largest` makes
(y, r) unique mod p.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from zkdps.provers.sumcheck.operands import Axis, Integers, Operand
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.system import Bound, Int64s
from zkdps.provers.sumcheck.wires import whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder, Terms


def rows_for(largest: int) -> int:
    """Rows of the table that remainders of divisors up to `largest` are looked up in."""
    return 1 << (2 * largest - 1).bit_length()


def divide(
    builder: Builder,
    name: str,
    axes: Mapping[str, Axis],
    letters: str,
    *,
    doubled: Terms,
    denominator: Operand,
    multiple: int = 1,
    largest: int,
    magnitude: int,
    compute: Callable[[Integers], tuple[Int64s, Int64s]],
) -> None:
    """Commit `name` = numerator / denominator.

    Args:
        name: value to commit, labelled `letters` in the shape it is written in.
        doubled: twice the numerator, which has the scale of the denominator times the result's.
        denominator: committed; its labels are among those of `letters`.
        multiple: den is that many times `denominator`.
        largest: what den is proven not to exceed.
        magnitude: static bound of |2 * numerator|.
        compute: twice the numerator, and den, int64, which broadcast to the shape of
            `letters`.

    Raises:
        LayoutFailed: rule U or Z does not hold.
    """
    width = builder.width(name)
    shape = tuple(builder.extent(axes[letter]) for letter in letters)
    rest = f"{name}.remainder"
    rows = rows_for(largest)
    builder.commit(name, shape, width, Bound.LOOKUP)
    builder.commit(rest, shape, Width(0, 0, rows - 1), Bound.LOOKUP)
    builder.prove_bounds(
        name,
        count=width.count,
        shift=rows.bit_length() - 1,
        magnitude=magnitude + largest,
        decomposed=2 * largest * (width.magnitude + 1),
    )

    def divided(values: Integers) -> tuple[Int64s, Int64s]:
        numerator, divisor = compute(values)
        raised = numerator + divisor
        quotient = raised // (2 * divisor)
        return quotient, raised - 2 * divisor * quotient

    builder.step((name, rest), divided)
    labels = tuple(label for letter in letters for label in axes[letter])
    result = builder.operand(whole(name, shape), axes, letters)
    remainder = builder.operand(whole(rest, shape), axes, letters)
    builder.relation(
        name,
        labels,
        [
            *doubled,
            (-2 * multiple, (builder.form(denominator), builder.form(result))),
            (1, (builder.form((multiple, denominator), (-1, remainder), labels=labels),)),
        ],
    )
    builder.range_check(name)
    builder.range_lookup(rest, labels, remainder, low=0, high=rows - 1)
    builder.range_lookup(
        f"{rest}.below",
        labels,
        (2 * multiple, denominator),
        (-1, remainder),
        constant=-1,
        low=0,
        high=rows - 1,
    )

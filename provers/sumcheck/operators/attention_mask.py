"""Which keys a query may read: a 0/1 input, a constant order, or both, as one operand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from zkdps.core.errors import OutOfRange
from zkdps.core.prover import INSIDE
from zkdps.provers.sumcheck.operands import Axis, Integers, Operand
from zkdps.provers.sumcheck.operators.maximum import labels_of
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.system import Bound, Int64s
from zkdps.provers.sumcheck.wires import Wire, whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder


def letters_of_mask(shape: Sequence[int]) -> str:
    """Letters g, i, j of the scores; others along axes of size 1, over which a mask broadcasts."""
    named = zip(shape, "gij", "xyz", strict=True)
    return "".join(full if size > 1 else single for size, full, single in named)


def allowed_keys(
    builder: Builder,
    name: str,
    axes: Mapping[str, Axis],
    mask: tuple[Wire, str] | None,
    pattern: Int64s | None,
) -> Operand | None:
    """An operand that is 1 where a key is allowed and 0 elsewhere; `None` where all are.

    Args:
        name: of the attention; the product of mask and pattern is `name.allowed`.
        mask: wire (g or 1, i or 1, j) and its letters; integers proven to be 0 or 1.
        pattern: (i, j) int64, a constant of the model.

    Raises:
        LayoutFailed: the mask may hold other integers.
    """
    given = None if mask is None else builder.operand(mask[0], axes, mask[1])
    if given is not None and (given.low, given.high, given.scale_bits) != (0, 1, 0):
        raise builder.failed(f"{name}: a mask holds 0 and 1, not other integers")
    if pattern is None:
        return given
    constant = builder.constant(f"{name}.causal", pattern, 0, axes, "ij")
    if given is None or mask is None:
        return constant
    letters = ("g" if "g" in mask[1] else "") + "ij"
    shape = tuple(builder.extent(axes[letter]) for letter in letters)

    def multiply(values: Integers) -> Int64s:
        return (given.read(values) * constant.read(values)).reshape(shape)

    builder.commit(f"{name}.allowed", shape, Width(0, 0, 1), Bound.LOOKUP, multiply)
    builder.range_check(f"{name}.allowed")
    both = builder.operand(whole(f"{name}.allowed", shape), axes, letters)
    product = (builder.form(given), builder.form(constant))
    terms = [(1, product), (-1, (builder.form(both),))]
    builder.relation(f"{name}.allowed", labels_of(axes, letters), terms)
    return both


def spread_mask(allowed: Operand, values: Integers) -> Int64s:
    """A mask's integers, broadcasting to (g, r, i, j)."""
    held = allowed.read(values)
    return held[:, None] if held.ndim == 3 else held


def no_key(block: int, name: str, keys: int) -> OutOfRange:
    """The error where a query may read no key."""
    error = OutOfRange(block, INSIDE, (1, keys), (0, 0))
    error.add_note(f"{name}: a query has no key that the mask allows")
    return error

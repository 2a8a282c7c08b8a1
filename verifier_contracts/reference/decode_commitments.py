"""The last part of the opening section: which commitments each set folds, in falling powers of ζ.

One word: u8 words, u16 slot of the second set's coefficient, u16 addresses of W.x, W.y, u16 slot
of Z of the first set, u16 W'.x, W'.y, then u8 bytes a set.  A set starts with the u16 addresses
x, y of a proof point; then groups: u8 where (0 the key, 1 the proof, 2 the quotient), u8 how many
(0: from one address down to, and without, another, in steps of 64; 1 or 2: that many pairs x, y).
"""

from __future__ import annotations

from typing import TypeAlias

from zkdps.verifier_contracts.reference.bn254 import Affine
from zkdps.verifier_contracts.reference.layout import CALLDATA_START, POINT_BYTES, Layout
from zkdps.verifier_contracts.reference.vka import Quotient
from zkdps.verifier_contracts.reference.words import WORD_BYTES, Cursor

Commitment: TypeAlias = "int | Affine | Quotient | None"

_IN_KEY, _IN_PROOF, _QUOTIENT = 0, 1, 2


def decode_commitments(
    layout: Layout, cursor: Cursor, product: int, sets: int
) -> list[list[Commitment]]:
    """The commitments of each set; the cursor ends behind them.

    Args:
        product: the slot of Z of the first set.
    """
    words, factor = cursor.take(8), cursor.pointer()
    named = [cursor.pointer() for _ in range(5)]
    w = CALLDATA_START + POINT_BYTES * layout.points + WORD_BYTES * layout.evaluations
    if factor != product + 2 * WORD_BYTES or named != [w, w + 32, product, w + 64, w + 96]:
        raise cursor.fail("the opening's own points are not the last two of the proof")
    sizes: list[int] = []
    for _ in range(words):
        while cursor.has_more:
            sizes.append(cursor.take(8))
        cursor.next_word()
    if len(sizes) != sets or any(size % WORD_BYTES or not size for size in sizes):
        raise cursor.fail(f"commitments of {len(sizes)} sets, {sets} expected")
    seen: set[int] = set()
    return [_set(layout, cursor, size // WORD_BYTES, seen) for size in sizes]


def _set(layout: Layout, cursor: Cursor, words: int, seen: set[int]) -> list[Commitment]:
    found: list[Commitment] = [_proof_point(layout, cursor, seen)]
    for _ in range(words):
        while cursor.has_more:
            found += _group(layout, cursor, seen)
        cursor.next_word()
    return found


def _group(layout: Layout, cursor: Cursor, seen: set[int]) -> list[Commitment]:
    where, count = cursor.take(8), cursor.take(8)
    if where == _QUOTIENT and count == 1:
        return [Quotient()]
    if where not in (_IN_KEY, _IN_PROOF) or count > 2:
        raise cursor.fail(f"{count} commitments of kind {where}")
    if count == 0:
        first, stop = cursor.pointer(), cursor.pointer()
        addresses = range(first, stop, -POINT_BYTES)
        if not addresses or (first - stop) % POINT_BYTES:
            raise cursor.fail("a range of commitments that ends above its start")
    else:
        addresses = [_pair(cursor) for _ in range(count)]  # type: ignore[assignment]
    read = _in_key if where == _IN_KEY else _in_proof
    return [read(layout, cursor, address, seen) for address in addresses]


def _proof_point(layout: Layout, cursor: Cursor, seen: set[int]) -> Commitment:
    return _in_proof(layout, cursor, _pair(cursor), seen)


def _pair(cursor: Cursor) -> int:
    x, y = cursor.pointer(), cursor.pointer()
    if y != x + WORD_BYTES:
        raise cursor.fail("the coordinates of a point are not neighbours")
    return x


def _in_proof(layout: Layout, cursor: Cursor, address: int, seen: set[int]) -> Commitment:
    _once(cursor, address, seen)
    return layout.point(address, cursor.at)


def _in_key(layout: Layout, cursor: Cursor, address: int, seen: set[int]) -> Commitment:
    # Key and proof addresses overlap as numbers; the sign keeps them apart.
    _once(cursor, -address, seen)
    return layout.key_point(address, cursor.at)


def _once(cursor: Cursor, address: int, seen: set[int]) -> None:
    """Each polynomial belongs to one set of points, which also bounds the work."""
    if address in seen:
        raise cursor.fail("a commitment is opened twice")
    seen.add(address)

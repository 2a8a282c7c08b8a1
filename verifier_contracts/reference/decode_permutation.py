"""The permutation section: which columns equality constraints reach, in sets.

One word: u8 number of sets - 1, u16 bytes a set takes, u16 bytes the last set takes.  Each set
starts a word: u16 z(x), u16 z(ωx), u16 z at the last row, then 5 bytes a column: u8 is-instance,
u16 evaluation of the column, u16 evaluation of its permutation polynomial.
"""

from __future__ import annotations

from zkdps.verifier_contracts.reference.layout import Layout
from zkdps.verifier_contracts.reference.vka import PermutationColumn, PermutationSet
from zkdps.verifier_contracts.reference.words import WORD_BYTES, Cursor


def decode_permutation(layout: Layout, start: int, end: int) -> tuple[PermutationSet, ...]:
    """The permutation section, words `start` to `end`: all of it, or `MalformedVka`."""
    cursor = Cursor(layout.words, start, end)
    last, set_bytes, last_bytes = cursor.take(8), cursor.pointer(), cursor.pointer()
    if set_bytes % WORD_BYTES or last_bytes % WORD_BYTES or not last_bytes:
        raise cursor.fail("a set of the permutation does not take whole words")
    expected_end = start + 1 + (last * set_bytes + last_bytes) // WORD_BYTES
    if expected_end != end or (last and not set_bytes):
        raise cursor.fail(f"the permutation ends at word {expected_end}, not {end}")
    cursor.next_word()
    sets = [_set(layout, cursor, set_bytes // WORD_BYTES, is_last=False) for _ in range(last)]
    sets.append(_set(layout, cursor, last_bytes // WORD_BYTES, is_last=True))
    return tuple(sets)


def _set(layout: Layout, cursor: Cursor, words: int, *, is_last: bool) -> PermutationSet:
    z, z_next = layout.evaluation(cursor), layout.evaluation(cursor)
    z_last = None if is_last else layout.evaluation(cursor)
    if is_last:
        cursor.pointer()  # nothing follows the last set: ezkl leaves any value there
    columns = []
    for _ in range(words):
        while cursor.has_more:
            columns.append(_column(layout, cursor))
        cursor.next_word()
    if not columns:
        raise cursor.fail("a set of the permutation without columns")
    return PermutationSet(z, z_next, z_last, tuple(columns))


def _column(layout: Layout, cursor: Cursor) -> PermutationColumn:
    is_instance = cursor.take(8)
    if is_instance > 1:
        raise cursor.fail(f"a column of kind {is_instance}")
    if is_instance:
        cursor.pointer()
        return PermutationColumn(None, layout.evaluation(cursor))
    return PermutationColumn(layout.evaluation(cursor), layout.evaluation(cursor))

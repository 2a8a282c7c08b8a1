"""Gates and lookups: expressions packed as byte code.

An expression starts with the number of words it takes.  Its steps follow, each result in the next
scratch slot: `00 e` load evaluation e, `01 a` negate, `02 a b` add, `03 a b` multiply.  A word ends
where its remaining bits are zero.  A gate's value is its last step.  An expression of a lookup ends
with `04 n a b …`: a tuple of values, in n words from this one on, which the verifier folds with θ.
"""

from __future__ import annotations

from zkdps.core.errors import MalformedVka
from zkdps.verifier_contracts.reference.layout import Layout
from zkdps.verifier_contracts.reference.vka import Expression, Lookup, Op, Operand, Source, Step
from zkdps.verifier_contracts.reference.words import WORD_BYTES, Cursor

_LOOKUP_SCRATCH_BYTES = 0xA0
"""Lookups keep five values of their own at the start of the scratch space."""
_FOLD = 4


def decode_gates(layout: Layout, start: int, end: int) -> tuple[Expression, ...]:
    """The gates section, words `start` to `end`: all of it, or `MalformedVka`."""
    cursor = Cursor(layout.words, start, end)
    length_bytes = cursor.take(256)
    count, odd = divmod(length_bytes, WORD_BYTES)
    if odd or not 0 < count <= end - start:
        raise cursor.fail(f"{length_bytes} bytes of gates do not fit {end - start} words")
    cursor.next_word()
    gates = []
    for _ in range(count):
        gates.append(_expression(layout, cursor, layout.scratch, folds=False))
    _expect_end(cursor, end)
    return tuple(gates)


def decode_lookups(layout: Layout, start: int, end: int) -> tuple[Lookup, ...]:
    """The lookups section, words `start` to `end`."""
    cursor = Cursor(layout.words, start, end)
    if not cursor.has_more:
        cursor.next_word()
        _expect_end(cursor, end)
        return ()
    end_address, kind = cursor.pointer(), cursor.take(8)
    if kind != 0:
        raise cursor.fail("classic lookups, which ezkl does not emit")
    if layout.word(end_address, start) != end:
        raise cursor.fail("the end of the lookups is not the next section")
    cursor.next_word()
    lookups: list[Lookup] = []
    while cursor.at < end:
        lookups.append(_lookup(layout, cursor, lookups[-1].table if lookups else None))
    return tuple(lookups)


def _lookup(layout: Layout, cursor: Cursor, previous: Expression | None) -> Lookup:
    new_table = cursor.take(8)
    phi, phi_next, multiplicities = (layout.evaluation(cursor) for _ in range(3))
    if new_table > 1 or (previous is None and not new_table):
        raise cursor.fail("the first lookup must name its table")
    cursor.next_word()
    base = layout.scratch + _LOOKUP_SCRATCH_BYTES
    table = previous
    if new_table or table is None:
        table = _expression(layout, cursor, base, folds=True)
    length_bytes = cursor.pointer()
    count, odd = divmod(length_bytes, WORD_BYTES)
    if odd or count == 0:
        raise cursor.fail(f"{length_bytes} bytes of lookup inputs")
    inputs = tuple(
        _expression(layout, cursor, base + WORD_BYTES * i, folds=True) for i in range(count)
    )
    return Lookup(phi, phi_next, multiplicities, table, inputs)


def _expression(layout: Layout, cursor: Cursor, base: int, *, folds: bool) -> Expression:
    words = cursor.take(8)
    stop = cursor.at + words
    if words == 0:
        raise cursor.fail("an expression of no words")
    steps: list[Step] = []
    while cursor.at < stop:
        while cursor.has_more:
            code = cursor.take(8)
            if code == _FOLD and folds:
                outputs = _outputs(layout, cursor, base, len(steps), stop)
                return Expression(tuple(steps), outputs)
            steps.append(_step(layout, cursor, base, len(steps), code))
        cursor.next_word()
    if folds or not steps:
        raise MalformedVka(stop - 1, "an expression without a value")
    return Expression(tuple(steps), ((Source.STEP, len(steps) - 1),))


def _step(layout: Layout, cursor: Cursor, base: int, done: int, code: int) -> Step:
    # A result must stay below the challenges, which lie further up in the same scratch space.
    if base + WORD_BYTES * (done + 1) > layout.scratch + layout.challenges_at_bytes:
        raise cursor.fail("an expression runs over its scratch space")
    if code == 0:
        return Step(Op.EVALUATION, evaluation=layout.evaluation(cursor))
    if code == 1:
        return Step(Op.NEGATE, operands=(layout.operand(cursor, base, done),))
    if code in (2, 3):
        left, right = (layout.operand(cursor, base, done) for _ in range(2))
        return Step(Op.ADD if code == 2 else Op.MULTIPLY, operands=(left, right))
    raise cursor.fail(f"unknown operation {code}")


def _outputs(
    layout: Layout, cursor: Cursor, base: int, steps: int, stop: int
) -> tuple[Operand, ...]:
    words = cursor.take(8)
    if words == 0 or cursor.at + words != stop:
        raise cursor.fail("the tuple of a lookup does not end with its expression")
    outputs = [layout.operand(cursor, base, steps)]
    while cursor.at < stop:
        while cursor.has_more:
            outputs.append(layout.operand(cursor, base, steps))
        cursor.next_word()
    return tuple(outputs)


def _expect_end(cursor: Cursor, end: int) -> None:
    if cursor.at != end:
        raise cursor.fail(f"a section should end at word {end}")

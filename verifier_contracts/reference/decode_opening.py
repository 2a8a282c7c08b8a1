"""The opening section: SHPLONK's sets of points, packed as the EVM's walk through scratch space.

The contract computes points, differences and coefficients into scratch slots and names the slots by
address.  Here the walk is followed symbolically: a slot's content is known (which rotation, which
product), every read must find what SHPLONK asks for at that place, and only the meaning is kept:
which polynomials are opened where.  ezkl's parts, in order:

    points        slots of x·ω^i: u8 count, u16 slots for i = 1…; next word u16 slot of x, u8 count,
                  u16 slots for i = -1…; 0 where a rotation is not used
    vanishing     u16 first slot, u16 end slot for μ - point, u16 first point slot; u8 words, u16
                  slots whose product is Z of the first set; next word u16 slot of that product, u16
                  number of sets; then a word a set: slots of μ - point for all points *not* in it
    coefficients  u8 words, u8 set sizes; a word a set: its points, its μ - points, its results
    normalised    u16 end of what is inverted, u16 first slot, u16 bytes
    evaluations   u8 words, u16 and u16 slots, u8 bytes a set; then a set's evaluations
    sums          u8 words; per set u8 bytes, u16 slot
    total         u16 bytes, u16 first slot, u16 last slot
    commitments   see `decode_commitments`
"""

from __future__ import annotations

from dataclasses import dataclass

from zkdps.core.errors import MalformedVka
from zkdps.verifier_contracts.reference.decode_commitments import Commitment, decode_commitments
from zkdps.verifier_contracts.reference.layout import CALLDATA_START, POINT_BYTES, Layout
from zkdps.verifier_contracts.reference.vka import Opened, OpeningSet, Quotient
from zkdps.verifier_contracts.reference.words import WORD_BYTES, Cursor

_ONE_SLOT = 0x20
"""The slot that holds 1, the empty product, until coefficients overwrite it."""
_MAX_SET = 5
"""A word holds the slots of at most five points of a set, three times over."""

Rotations = dict[int, int]
"""Slot to rotation."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Where the walk left its results."""

    sets: tuple[tuple[int, ...], ...]
    """The rotations of each set, in the order of its evaluations."""
    product: int
    """Z of the first set at μ; normalised coefficients follow from the next slot on."""
    totals: int
    """First slot of the sets' evaluations at μ."""


def decode_openings(layout: Layout, start: int, end: int) -> tuple[OpeningSet, ...]:
    """The opening section, words `start` to `end`: all of it, or `MalformedVka`."""
    cursor = Cursor(layout.words, start, end)
    points = _points(cursor)
    sets, product = _sets(cursor, points)
    evaluations, totals = _evaluations(layout, cursor, sets, product + 2 * WORD_BYTES)
    slots = Slots(sets, product, totals)
    _sums(cursor, slots)
    commitments = decode_commitments(layout, cursor, product, len(sets))
    if cursor.at != end:
        raise cursor.fail(f"the openings should end at word {end}")
    return tuple(
        OpeningSet(rotations, _pair(start, found, values))
        for rotations, found, values in zip(sets, commitments, evaluations, strict=True)
    )


def _points(cursor: Cursor) -> Rotations:
    rotations: Rotations = {}

    def add(slot: int, rotation: int) -> None:
        if slot in rotations:
            raise cursor.fail(f"two points in slot {slot:#x}")
        if slot:
            rotations[slot] = rotation

    for i in range(cursor.take(8)):
        add(cursor.pointer(), i + 1)
    cursor.next_word()
    add(cursor.pointer(), 0)
    for i in range(cursor.take(8)):
        add(cursor.pointer(), -1 - i)
    cursor.next_word()
    return rotations


def _sets(cursor: Cursor, points: Rotations) -> tuple[tuple[tuple[int, ...], ...], int]:
    """Parts 2 to 4: the sets' rotations, and the slot of the first set's vanishing product."""
    first, stop, point = cursor.pointer(), cursor.pointer(), cursor.pointer()
    if stop - first != WORD_BYTES * len(points):
        raise cursor.fail("not as many differences as points")
    differences = {
        first + WORD_BYTES * i: _known(cursor, points, point + WORD_BYTES * i)
        for i in range(len(points))
    }
    words = cursor.take(8)
    vanishing = []
    for _ in range(words):
        while cursor.has_more:
            vanishing.append(_known(cursor, differences, cursor.pointer()))
        cursor.next_word()
    product, count = cursor.pointer(), cursor.pointer()
    cursor.next_word()
    outside = [_outside(cursor, differences) for _ in range(count)]
    sets = _coefficients(cursor, points, differences, count)
    everything = set(points.values())
    for rotations, rest in zip(sets, outside, strict=True):
        if set(rotations) | rest != everything or set(rotations) & rest:
            raise cursor.fail("a set and the points outside it are not all the points")
    if not sets or sorted(vanishing) != sorted(sets[0]):
        raise cursor.fail("the first set's vanishing product is over other points")
    inverted = WORD_BYTES * (1 + sum(map(len, sets)))
    fields = cursor.pointer(), cursor.pointer(), cursor.pointer()
    if fields != (inverted, product + WORD_BYTES, WORD_BYTES * count):
        raise cursor.fail("coefficients are normalised elsewhere than they lie")
    cursor.next_word()
    return sets, product


def _outside(cursor: Cursor, differences: Rotations) -> set[int]:
    rotations: list[int] = []
    slots = []
    while cursor.has_more:
        slots.append(cursor.pointer())
    if slots != [_ONE_SLOT]:
        rotations = [_known(cursor, differences, slot) for slot in slots]
    if len(set(rotations)) != len(rotations) or not slots:
        raise cursor.fail("a product over no point, or over one twice")
    cursor.next_word()
    return set(rotations)


def _coefficients(
    cursor: Cursor, points: Rotations, differences: Rotations, count: int
) -> tuple[tuple[int, ...], ...]:
    sizes = _packed_bytes(cursor, cursor.take(8))
    if len(sizes) != count or not all(1 <= size <= _MAX_SET for size in sizes):
        raise cursor.fail(f"{len(sizes)} sets of points, {count} announced")
    sets, slot = [], WORD_BYTES
    for size in sizes:
        named = [cursor.pointer() for _ in range(size)] if size > 1 else []
        over = [_known(cursor, differences, cursor.pointer()) for _ in range(size)]
        results = [cursor.pointer() for _ in range(size)]
        if named and [_known(cursor, points, name) for name in named] != over:
            raise cursor.fail("a coefficient mixes two points")
        if len(set(over)) != size:
            raise cursor.fail("a set holds a point twice")
        if results != [slot + WORD_BYTES * i for i in range(size)]:
            raise cursor.fail("coefficients do not lie one after another")
        slot += WORD_BYTES * size
        cursor.next_word()
        sets.append(tuple(over))
    if len({frozenset(rotations) for rotations in sets}) != len(sets):
        raise cursor.fail("two sets of the same points")
    return tuple(sets)


def _evaluations(
    layout: Layout, cursor: Cursor, sets: tuple[tuple[int, ...], ...], coefficients: int
) -> tuple[list[list[tuple[int, ...]]], int]:
    words, factor, totals = cursor.take(8), cursor.pointer(), cursor.pointer()
    sizes = _packed_bytes(cursor, words)
    if factor != coefficients or sizes != [WORD_BYTES * len(rotations) for rotations in sets]:
        raise cursor.fail("evaluations are not grouped by the sets of points")
    return [_set_evaluations(layout, cursor, len(rotations)) for rotations in sets], totals


def _set_evaluations(layout: Layout, cursor: Cursor, size: int) -> list[tuple[int, ...]]:
    words = cursor.take(8)
    values: list[tuple[int, ...]] = []
    if size == 1:
        # The quotient's evaluation is not in the proof; it always comes second.
        values += [(layout.evaluation(cursor),), ()]
    for _ in range(words):
        while cursor.has_more:
            if size == 1:
                values += [(value,) for value in _group(layout, cursor)]
            else:
                values.append(tuple(layout.evaluation(cursor) for _ in range(size)))
            if len(values) > layout.evaluations + 1:
                raise cursor.fail("more evaluations are opened than a proof has")
        cursor.next_word()
    return values


def _group(layout: Layout, cursor: Cursor) -> list[int]:
    """Evaluations one by one, or from one down to, and without, another."""
    length = cursor.take(8)
    if length:
        return [layout.evaluation(cursor) for _ in range(length)]
    first = layout.evaluation(cursor)
    # The end is excluded, so it may be the slot just before the first evaluation.
    last = cursor.pointer()
    start_address = CALLDATA_START + POINT_BYTES * layout.points
    stop, odd = divmod(last - start_address, WORD_BYTES)
    if odd or not -1 <= stop < first:
        raise cursor.fail("a range of evaluations that ends above its start")
    return list(range(first, stop, -1))


def _sums(cursor: Cursor, slots: Slots) -> None:
    """Parts 6 and 7: pure bookkeeping, which must agree with the sets."""
    words, out, expected = cursor.take(8), [], []
    for _ in range(words):
        while cursor.has_more:
            out.append((cursor.take(8), cursor.pointer()))
        cursor.next_word()
    count = len(slots.sets)
    sizes = [WORD_BYTES * len(rotations) for rotations in slots.sets]
    first = cursor.take(16), cursor.pointer(), cursor.pointer()
    expected = [(size, first[1] + WORD_BYTES * i) for i, size in enumerate(sizes)]
    last_total = slots.totals + WORD_BYTES * (count - 1)
    if out != expected or first[0] != WORD_BYTES * count or first[2] != last_total:
        raise cursor.fail("sums of coefficients do not follow the sets")
    cursor.next_word()


def _pair(
    at: int, commitments: list[Commitment], evaluations: list[tuple[int, ...]]
) -> tuple[Opened, ...]:
    if len(commitments) != len(evaluations):
        raise MalformedVka(at, f"{len(commitments)} commitments, {len(evaluations)} evaluations")
    for commitment, values in zip(commitments, evaluations, strict=True):
        if isinstance(commitment, Quotient) != (not values):
            raise MalformedVka(at, "the quotient is not where its evaluation is")
    return tuple(map(Opened, commitments, evaluations))


def check_each_once(
    layout: Layout, at: int, openings: tuple[OpeningSet, ...], quotient: range
) -> None:
    """Every evaluation and every point of a proof is opened, once.

    An evaluation that is not opened would be the prover's to choose, and a commitment that is not
    opened would bind nothing.
    """
    opened = [one for group in openings for one in group.opened]
    evaluations = sorted(index for one in opened for index in one.evaluations)
    if evaluations != list(range(layout.evaluations)):
        raise MalformedVka(at, "not every evaluation of a proof is opened exactly once")
    if sum(isinstance(one.commitment, Quotient) for one in opened) != 1:
        raise MalformedVka(at, "the quotient must be opened exactly once")
    points = sorted([one.commitment for one in opened if isinstance(one.commitment, int)])
    if sorted([*points, *quotient]) != list(range(layout.points)):
        raise MalformedVka(at, "not every point of a proof is opened exactly once")


def _known(cursor: Cursor, slots: Rotations, slot: int) -> int:
    if slot not in slots:
        raise cursor.fail(f"slot {slot:#x} is read before anything is there")
    return slots[slot]


def _packed_bytes(cursor: Cursor, words: int) -> list[int]:
    values = []
    for _ in range(words):
        while cursor.has_more:
            values.append(cursor.take(8))
        cursor.next_word()
    return values

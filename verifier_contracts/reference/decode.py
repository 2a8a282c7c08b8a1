"""Untrusted words to a `Vka`: the header, then the sections in the order in which they must lie.

Every word is accounted for: commitments, constants, gates, permutation, lookups, openings and the
rescaling table (which only formats instances for contracts) follow one another without gaps.
"""

from __future__ import annotations

from collections.abc import Sequence

from zkdps.core.errors import MalformedVka
from zkdps.verifier_contracts.reference.bn254 import is_on_curve
from zkdps.verifier_contracts.reference.decode_expressions import decode_gates, decode_lookups
from zkdps.verifier_contracts.reference.decode_opening import check_each_once, decode_openings
from zkdps.verifier_contracts.reference.decode_permutation import decode_permutation
from zkdps.verifier_contracts.reference.layout import MEMORY_START, Layout, point_at
from zkdps.verifier_contracts.reference.pairing import is_in_g2
from zkdps.verifier_contracts.reference.scalars import ORDER
from zkdps.verifier_contracts.reference.vka import G2Point, Phase, SrsWords, Vka
from zkdps.verifier_contracts.reference.words import (
    MAX_WORDS,
    WORD_BYTES,
    Cursor,
    key_id,
    read_words,
)

MAX_LOGROWS = 28
"""The scalar field has roots of unity up to this power of two."""
MAX_INSTANCES = 1 << 16
_PHASES = 33
_CHALLENGES_AFTER_USER = 5
"""θ, β, γ, y and x; ζ, ν and μ belong to the opening."""


def decode_file(data: bytes) -> Vka:
    """A VKA file, as ezkl writes it, to the key.

    Raises:
        MalformedVka: anything that ezkl does not write.
    """
    return decode(read_words(data))


def decode(words: Sequence[int]) -> Vka:
    """The words to the key; linear in their number.

    Raises:
        MalformedVka: anything that ezkl does not write, or that would leave a proof unchecked.
    """
    if not _PHASES < len(words) <= MAX_WORDS:
        raise MalformedVka(0, f"{len(words)} words, between {_PHASES + 1} and {MAX_WORDS} allowed")
    for at, word in enumerate(words):
        if not 0 <= word < 1 << 256:
            raise MalformedVka(at, "not a 256-bit word")
    _check_domain(words)
    phases, after_phases = _phases(words)
    layout = _layout(words, phases, after_phases)
    starts = [layout.word(words[i], i) for i in (26, 27, 28, 29)] + [_rescaling(words)]
    if starts[0] != layout.constants.stop or sorted(starts) != starts:
        raise MalformedVka(26, f"sections start at words {starts}, out of order")
    gates, permutation, lookups, openings, rescaling = starts
    quotient = _quotient(layout)
    sets = decode_openings(layout, openings, rescaling)
    check_each_once(layout, openings, sets, quotient)
    return Vka(
        key_id=key_id(words),
        digest=_scalar(words, 0),
        logrows=words[5],
        unusable_rows=words[31],
        instances=words[2],
        evaluations=words[3],
        user_challenges=layout.user_challenges,
        srs=_srs(words),
        phases=phases,
        quotient_points=quotient,
        constants=tuple(words[i] for i in layout.constants),
        gates=decode_gates(layout, gates, permutation),
        permutation=decode_permutation(layout, permutation, lookups),
        lookups=decode_lookups(layout, lookups, openings),
        openings=sets,
    )


def _check_domain(words: Sequence[int]) -> None:
    """Words 5-9 and 31 follow from k and the number of unusable rows l; nobody reads them."""
    logrows, rows_inverse, omega, omega_inverse, omega_last = words[5:10]
    if not 1 <= logrows <= MAX_LOGROWS:
        raise MalformedVka(5, f"logrows {logrows}")
    if not 2 <= words[31] < min(1 << logrows, 256):
        raise MalformedVka(31, f"{words[31]} unusable rows of 2^{logrows}")
    if words[2] > min(MAX_INSTANCES, (1 << logrows) - words[31]):
        raise MalformedVka(2, f"{words[2]} instances")
    root = root_of_unity(logrows)
    expected = (pow(1 << logrows, -1, ORDER), root, pow(root, -1, ORDER))
    if (rows_inverse, omega, omega_inverse) != expected:
        raise MalformedVka(6, f"the domain is not the one of 2^{logrows} rows")
    if omega_last != pow(omega_inverse, words[31], ORDER):
        raise MalformedVka(9, "the last row's point does not match the number of unusable rows")
    if any(words[10:14]):
        raise MalformedVka(10, "accumulators, which ezkl does not emit")


def root_of_unity(logrows: int) -> int:
    """ω of order 2^logrows: the one halo2 takes, 7^((r-1)/2^logrows)."""
    return pow(7, (ORDER - 1) >> logrows, ORDER)


def _phases(words: Sequence[int]) -> tuple[tuple[Phase, ...], int]:
    end = len(words)
    cursor = Cursor(words, _PHASES, end)
    count = cursor.take(8)
    phases = []
    for _ in range(count):
        while cursor.has_more:
            points, odd = divmod(cursor.pointer(), 64)
            challenges = cursor.take(8)
            if odd or not challenges:
                raise cursor.fail("a phase of half a point, or without a challenge")
            phases.append(Phase(points, challenges))
        cursor.next_word()
    return tuple(phases), cursor.at


def _layout(words: Sequence[int], phases: tuple[Phase, ...], start: int) -> Layout:
    user, odd = divmod(words[4], WORD_BYTES)
    squeezed = sum(phase.challenges for phase in phases)
    if odd or squeezed != user + _CHALLENGES_AFTER_USER:
        raise MalformedVka(4, f"{squeezed} challenges in the phases, {user} of them the user's")
    points = sum(phase.points for phase in phases)
    if 64 * points + WORD_BYTES * words[3] >= 1 << 16:
        raise MalformedVka(3, f"a proof of {points} points and {words[3]} evaluations")
    challenges_at = words[1]
    if challenges_at % WORD_BYTES or challenges_at >= 1 << 16:
        raise MalformedVka(1, f"{challenges_at} bytes of scratch space")
    gates, odd = divmod(words[26] - MEMORY_START, WORD_BYTES)
    fixed = words[32]
    if odd or not start + 2 * fixed <= gates <= len(words):
        raise MalformedVka(26, f"gates at address {words[26]:#x}, {fixed} fixed commitments before")
    columns = _permutation_columns(words)
    constants = start + 2 * (fixed + columns)
    if constants > gates:
        raise MalformedVka(32, f"{fixed} + {columns} commitments do not fit before the gates")
    key_points, rest = range(start, constants), range(constants, gates)
    layout = Layout(words, points, words[3], key_points, rest, challenges_at, user)
    for at in range(start, constants, 2):
        point_at(words, at)
    for at in rest:
        _scalar(words, at)
    return layout


def _permutation_columns(words: Sequence[int]) -> int:
    """How many columns the permutation section lists: each has a commitment before the gates."""
    start, odd = divmod(words[27] - MEMORY_START, WORD_BYTES)
    if odd or not _PHASES < start < len(words):
        raise MalformedVka(27, f"the permutation at address {words[27]:#x}")
    end = (words[28] - MEMORY_START) // WORD_BYTES
    cursor = Cursor(words, start, end)
    last, set_bytes, _ = cursor.take(8), cursor.pointer(), cursor.pointer()
    cursor.next_word()
    columns = 0
    set_words = set_bytes // WORD_BYTES
    while cursor.at < end:
        index = (cursor.at - start - 1) // set_words if set_words else 0
        starts_set = index <= last and cursor.at == start + 1 + index * set_words
        if starts_set:
            cursor.take(48)
        while cursor.has_more:
            cursor.take(40)
            columns += 1
        cursor.next_word()
    return columns


def _srs(words: Sequence[int]) -> SrsWords:
    x, y = words[14], words[15]
    if not is_on_curve(x, y):
        raise MalformedVka(14, "the SRS's [1]₁ is not on the curve")
    return SrsWords((x, y), _g2(words, 16), _g2(words, 20))


def _g2(words: Sequence[int], at: int) -> G2Point:
    # The EVM's order: the coefficient of u first.
    x1, x0, y1, y0 = words[at : at + 4]
    point = ((x0, x1), (y0, y1))
    if not is_in_g2(point):
        raise MalformedVka(at, "a point of the SRS is not in G2")
    return point


def _quotient(layout: Layout) -> range:
    last, first = (layout.point(layout.words[i], i) for i in (24, 25))
    if last < first:
        raise MalformedVka(24, "the quotient's pieces are in falling order")
    return range(first, last + 1)


def _rescaling(words: Sequence[int]) -> int:
    """Where the rescaling table starts: an offset in calldata that begins with the word count."""
    index, odd = divmod(words[30] - WORD_BYTES, WORD_BYTES)
    if odd or not _PHASES < index < len(words):
        raise MalformedVka(30, f"the rescaling table at offset {words[30]:#x}")
    return index


def _scalar(words: Sequence[int], at: int) -> int:
    if words[at] >= ORDER:
        raise MalformedVka(at, "not a reduced scalar")
    return words[at]

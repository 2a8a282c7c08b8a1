"""Look-ups by sums of fractions: two trees, from roots to leaves (`docs/sumcheck.md` §5, look-ups).

Papini and Haböck, ePrint 2023/1284, on Haböck, ePrint 2022/1530.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zkdps.verifier_contracts.reference.sumcheck.field import Field
from zkdps.verifier_contracts.reference.sumcheck.functionals import Claim, Forms, Outer
from zkdps.verifier_contracts.reference.sumcheck.layout import Piece, lay_out
from zkdps.verifier_contracts.reference.sumcheck.polynomials import (
    Point,
    bits,
    counting,
    eq_at,
    eq_table,
    extension,
    quadratic_at,
)
from zkdps.verifier_contracts.reference.sumcheck.system import System
from zkdps.verifier_contracts.reference.sumcheck.transcript import Messages, failed


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """(key, tag, value) becomes alpha - key - beta1 * tag - beta2 * value."""

    alpha: int
    beta1: int
    beta2: int


@dataclass(frozen=True, slots=True)
class Leaves:
    """What a tree claims of its leaves: the extensions of both columns at a point."""

    point: Point
    p: int
    q: int


def verify_lookups(messages: Messages, system: System, forms: Forms) -> list[Claim]:
    """Check both trees; their leaves become two claims: on looked-up forms, on multiplicities.

    Raises:
        CheckFailed: a round or a tree's root is inconsistent.
    """
    field = messages.field
    messages.grind(system.preset.grind_bits)
    fingerprint = Fingerprint(*messages.challenges(3))
    looked_up = lay_out(_box(system, lookup.labels) for lookup in system.lookups)
    rows = lay_out((table.rows,) for table in system.tables)

    p1, q1, p2, q2 = messages.elements("roots-of-trees", 4)
    if q1 == 0 or q2 == 0 or field.reduce(p1 * q2 + p2 * q1) != 0:
        raise failed("the look-ups and the tables' rows are not the same fractions")
    lookup_leaves = _descend(messages, _depth(looked_up), p1, q1)
    table_leaves = _descend(messages, _depth(rows), p2, q2)
    return [
        _lookup_claim(field, system, forms, fingerprint, looked_up, lookup_leaves),
        _table_claim(field, system, fingerprint, rows, table_leaves),
    ]


def _box(system: System, labels: Sequence[int]) -> tuple[int, ...]:
    return tuple(system.labels[label].size for label in labels)


def _depth(pieces: Sequence[Piece]) -> int:
    """Variables of a tree; padding leaves (0, 1) fill it up to a power of two."""
    return bits(sum(piece.size for piece in pieces) or 1)


def _descend(messages: Messages, depth: int, p: int, q: int) -> Leaves:
    """From (p, q) at the root to a claim on the leaves, one sumcheck a layer."""
    field = messages.field
    point: Point = ()
    reduce = field.reduce
    for _ in range(depth):
        if point:
            scale = messages.challenge()
            claim, point = _layer(messages, point, reduce(p + scale * q))
            p0, p1, q0, q1 = messages.elements("children", 4)
            cross = reduce(p0 * q1 + p1 * q0)
            holds = reduce(cross + scale * reduce(q0 * q1)) == claim
        else:
            p0, p1, q0, q1 = messages.elements("children", 4)
            holds = (reduce(p0 * q1 + p1 * q0), reduce(q0 * q1)) == (p, q)
        if not holds:
            raise failed("a layer of a tree of fractions is not the sum of the one below")
        choice = messages.challenge()
        point = (choice, *point)
        p = reduce(p0 + choice * reduce(p1 - p0))
        q = reduce(q0 + choice * reduce(q1 - q0))
    return Leaves(point, p, q)


def _layer(messages: Messages, point: Point, claim: int) -> tuple[int, Point]:
    """sum_x eq(point, x) f(x) = claim, eq factored out of each round.

    Round j: claim = (1 - r_j) h(0) + r_j h(1) gives h(1) from h(0); h has degree 2.
    """
    field, challenges = messages.field, []
    reduce = field.reduce
    for r in point:
        at_0, leading = messages.elements("h", 2)
        if r == 0:
            raise failed("a coordinate is 0, so a round would leave h(1) open")
        at_1 = reduce(reduce(claim - reduce(at_0 - r * at_0)) * field.inverse(r))
        x = messages.challenge()
        challenges.append(x)
        claim = quadratic_at(field, at_0, at_1, leading, x)
    return claim, tuple(challenges)


def _split(field: Field, point: Point, piece: Piece) -> tuple[int, Point]:
    """eq(top, the piece's place), and the coordinates inside the piece."""
    inside = piece.size.bit_length() - 1
    cut = len(point) - inside
    return eq_at(field, point[:cut], piece.offset >> inside), point[cut:]


def _lookup_claim(
    field: Field,
    system: System,
    forms: Forms,
    fingerprint: Fingerprint,
    pieces: Sequence[Piece],
    leaves: Leaves,
) -> Claim:
    """p is the extension of "a real leaf"; q - (1 - p) is that of the fingerprints.

    A piece at weights eq(point inside) on its ranges: the weights sum to 1.
    """
    reduce = field.reduce
    indicator, known, claim = 0, 0, Claim(0)
    for piece in pieces:
        top, inside = _split(field, leaves.point, piece)
        indicator += top
        lookup = system.lookups[piece.source]
        tag = system.tables[lookup.table].tag
        known += reduce(top * reduce(fingerprint.alpha - fingerprint.beta1 * tag))
        weights, start = {}, 0
        for label, box in zip(lookup.labels, piece.ranges, strict=True):
            end = start + len(box).bit_length() - 1
            size, table = system.labels[label].size, eq_table(field, inside[start:end])
            weights[label] = [0] * box.start + table + [0] * (size - box.stop)
            start = end
        forms.add(claim, lookup.key, weights, reduce(-top))
        if lookup.value is not None:
            forms.add(claim, lookup.value, weights, reduce(-top * fingerprint.beta2))
    if leaves.p != reduce(indicator):
        raise failed("the numerators of the look-ups are not all 1")
    claim.value = reduce(claim.value + leaves.q - (1 - indicator) - known)
    return claim


def _table_claim(
    field: Field,
    system: System,
    fingerprint: Fingerprint,
    pieces: Sequence[Piece],
    leaves: Leaves,
) -> Claim:
    """q is computed from the tables; p is minus the extension of the multiplicities."""
    reduce = field.reduce
    denominators, indicator, claim = 0, 0, Claim(leaves.p)
    eq: dict[Point, list[int]] = {}
    for piece in pieces:
        top, inside = _split(field, leaves.point, piece)
        table, (rows,) = system.tables[piece.source], piece.ranges
        indicator += top
        keys = table.low + rows.start + counting(field, inside)
        row = fingerprint.alpha - keys - fingerprint.beta1 * table.tag
        if table.values is not None:
            values = extension(field, table.values[rows.start : rows.stop], inside)
            row -= fingerprint.beta2 * values
        denominators += reduce(top * reduce(row))
        if inside not in eq:
            eq[inside] = eq_table(field, inside)
        weights = [0] * rows.start + eq[inside] + [0] * (table.rows - rows.stop)
        claim.outers.append(Outer(reduce(-top), table.multiplicity, (weights,)))
    if leaves.q != reduce(denominators + 1 - indicator):
        raise failed("the denominators of the tables are not their rows'")
    return claim

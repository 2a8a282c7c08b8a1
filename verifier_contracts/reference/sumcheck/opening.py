"""The opening: all claims at one random address, rows and columns (`docs/sumcheck.md` §5, opening).

The row combination is Ligero's (Ames et al., CCS 2017), with the tensor coefficients of Diamond and
Gruen (ePrint 2024/1351).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from operator import mul

from zkdps.verifier_contracts.reference.sumcheck.field import Field, P, root_of_unity
from zkdps.verifier_contracts.reference.sumcheck.functionals import Claim, Functional
from zkdps.verifier_contracts.reference.sumcheck.layout import Commitment, Layout
from zkdps.verifier_contracts.reference.sumcheck.polynomials import (
    Point,
    bits,
    eq_at,
    eq_table,
    extension,
    quadratic_at,
)
from zkdps.verifier_contracts.reference.sumcheck.system import System
from zkdps.verifier_contracts.reference.sumcheck.transcript import (
    DIGEST_BYTES,
    Messages,
    check_canonical,
    failed,
    sha256,
)


def verify_claims(
    messages: Messages, system: System, layout: Layout, claims: Sequence[Claim]
) -> None:
    """Check that the committed integers satisfy all claims.

    Raises:
        CheckFailed: they do not, or the opening is not of these commitments.
    """
    field = messages.field
    powers = _powers(field, messages.challenge(), len(claims))
    value = field.dot([claim.value for claim in claims], powers)
    point, value = _sumcheck(messages, layout.bits, value)
    (w,) = messages.elements("w", 1)
    functional = Functional(field, layout, point)
    if field.reduce(w * field.dot([functional.at(claim) for claim in claims], powers)) != value:
        raise failed("the committed integers do not satisfy the claims on them")

    columns = 1 << system.columns_log
    cut = layout.bits - system.columns_log
    u = messages.elements("u", columns)
    if extension(field, u, point[cut:]) != w:
        raise failed("the combined row does not have the value that was claimed")
    messages.grind(system.preset.grind_bits)
    length = columns << system.preset.rate_bits
    indices = sorted(set(messages.indices(system.preset.queries, length)))
    combined = dict.fromkeys(indices, 0)
    for commitment in layout.commitments:
        rows = commitment.rows(columns)
        factors = _row_factors(field, point[:cut], commitment.offset // columns, rows)
        for i, column in _columns(messages, system, commitment, rows, indices).items():
            combined[i] += sum(map(mul, factors, column))
    for i, symbol in zip(indices, _encode(field, u, length, indices), strict=True):
        if field.reduce(combined[i]) != symbol:
            raise failed("a column is not of the combined row", got=f"column {i}")


def _row_factors(field: Field, point: Point, first: int, rows: int) -> list[int]:
    """eq(point, first + i) of a commitment's rows; its slot is aligned to its size."""
    middle = len(point) - bits(rows)
    top = eq_at(field, point[:middle], first >> bits(rows))
    return [field.reduce(top * entry) for entry in eq_table(field, point[middle:])[:rows]]


def _powers(field: Field, base: int, count: int) -> list[int]:
    powers = [1]
    while len(powers) < count:
        powers.append(field.reduce(powers[-1] * base))
    return powers


def _sumcheck(messages: Messages, variables: int, claim: int) -> tuple[Point, int]:
    """sum_x W(x) L(x) = claim, the least significant variable first."""
    field, challenges = messages.field, []
    for _ in range(variables):
        at_0, leading = messages.elements("t", 2)
        at_1 = field.reduce(claim - at_0)
        challenges.append(messages.challenge())
        claim = quadratic_at(field, at_0, at_1, leading, challenges[-1])
    return tuple(reversed(challenges)), claim


def _columns(
    messages: Messages,
    system: System,
    commitment: Commitment,
    rows: int,
    indices: Sequence[int],
) -> dict[int, tuple[int, ...]]:
    """The opened columns of one commitment, each under its root."""
    height = system.columns_log + system.preset.rate_bits
    columns = {i: messages.words(rows) for i in indices}
    leaves = {}
    for i, column in columns.items():
        check_canonical(column, "column")
        head = struct.pack("<BBBII", 0, system.columns_log, height, rows, i)
        leaves[i] = sha256(head, struct.pack(f"<{rows}I", *column))
    if _root(messages, leaves, height) != commitment.root:
        raise failed("columns are not under the root", got=commitment.name)
    return columns


def _root(messages: Messages, leaves: Mapping[int, bytes], height: int) -> bytes:
    """The root over these leaves; siblings that cannot be computed are read, left to right."""
    nodes = dict(leaves)
    for _ in range(height):
        above: dict[int, bytes] = {}
        for i, digest in nodes.items():
            if i >> 1 in above:
                continue
            sibling = nodes[i ^ 1] if i ^ 1 in nodes else messages.take(DIGEST_BYTES)
            left, right = (sibling, digest) if i & 1 else (digest, sibling)
            above[i >> 1] = sha256(b"\x01", left, right)
        nodes = above
    return nodes[0]


def _encode(field: Field, u: Sequence[int], length: int, indices: Sequence[int]) -> list[int]:
    """sum_j u_j omega^(ij) at a few i.

    With j = A*b + a the sum over b depends on i mod length/B only, B = len(u)/A: these few inner
    sums are shared by all indices.
    """
    omega = root_of_unity(length.bit_length() - 1)
    inner_count = 1 << min(4, len(u).bit_length() - 1)
    outer_count = len(u) // inner_count
    period = length // outer_count
    strides = [u[a::outer_count] for a in range(outer_count)]
    inner = []
    for i in range(period):
        powers = _base_powers(pow(omega, outer_count * i, P), inner_count)
        inner.append([field.dot(stride, powers) for stride in strides])
    return [
        field.dot(inner[i % period], _base_powers(pow(omega, i, P), outer_count)) for i in indices
    ]


def _base_powers(base: int, count: int) -> list[int]:
    powers = [1]
    while len(powers) < count:
        powers.append(powers[-1] * base % P)
    return powers

"""The pieces that an opening's sum-check runs over, with their claims grouped by last axis.

Source: docs/sumcheck.md, section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from zkdps.provers.sumcheck import field as scalars
from zkdps.provers.sumcheck.axes import Support
from zkdps.provers.sumcheck.field import Element
from zkdps.provers.sumcheck.functionals import Claim, Places, pieces_met
from zkdps.provers.sumcheck.kernels.interface import I32, Kernels, Vec
from zkdps.provers.sumcheck.layout import Layout


@dataclass(slots=True)
class Group:
    """Claims on one piece that agree on the last axis."""

    last: Vec
    rows: Vec
    """The sum of the claims' row parts."""
    end: Element | None = None
    """The last axis's vector, bound."""


@dataclass(slots=True)
class Opened:
    """A piece that claims meet."""

    address: int
    matrix: I32
    """(rows, last axis)."""
    groups: list[Group] = field(default_factory=list)


def opened_pieces(
    kernels: Kernels,
    layout: Layout,
    places: Places,
    claims: Sequence[Claim],
    weights: Sequence[Element],
    integers: Sequence[I32],
) -> list[Opened]:
    """The pieces that claims meet, with the claims grouped by their vector of the last axis."""
    opened: dict[tuple[int, int], Opened] = {}
    groups: dict[tuple[int, int, Support | None], Group] = {}
    unit = kernels.from_elements([scalars.one(kernels.degree)])
    padded: dict[tuple[Support, int, int], Vec] = {}

    def cut(vector: Support, start: int, length: int) -> Vec:
        key = (vector, start, length)
        if key not in padded:
            padded[key] = _cut(kernels, vector, start, length)
        return padded[key]

    for claim, weight in zip(claims, weights, strict=True):
        for product in claim.products:
            coefficient = scalars.mul(weight, product.coefficient)
            for number, piece in pieces_met(places, product):
                key = (number, piece.offset)
                if key not in opened:
                    columns = piece.lengths[-1] if piece.lengths else 1
                    flat = integers[number][piece.offset : piece.offset + piece.size]
                    address = layout.commitments[number].slot + piece.offset
                    opened[key] = Opened(address, flat.reshape(-1, columns))
                rows = kernels.from_elements([coefficient])
                cuts = list(zip(product.vectors, piece.starts, piece.lengths, strict=True))
                for vector, start, length in cuts[:-1]:
                    part = cut(vector, start, length)
                    # The first factor is a scalar.
                    if kernels.length(rows) == 1:
                        rows = kernels.scale(part, kernels.to_elements(rows)[0])
                    else:
                        rows = kernels.outer(rows, part)
                last = cuts[-1][0] if cuts else None
                group = groups.get((*key, last))
                if group is None:
                    vec = unit if not cuts else cut(*cuts[-1])
                    groups[(*key, last)] = group = Group(vec, rows)
                    opened[key].groups.append(group)
                else:
                    group.rows = kernels.add(group.rows, rows)
    return list(opened.values())


def idle_pieces(
    layout: Layout, integers: Sequence[I32], met: set[int]
) -> dict[int, list[tuple[int, I32]]]:
    """The other pieces' addresses and integers, by the variables of a piece."""
    found: dict[int, list[tuple[int, I32]]] = {}
    for commitment, flat in zip(layout.commitments, integers, strict=True):
        for piece in commitment.pieces:
            address = commitment.slot + piece.offset
            if address not in met:
                part = flat[piece.offset : piece.offset + piece.size]
                found.setdefault(piece.size.bit_length() - 1, []).append((address, part))
    return found


def _cut(kernels: Kernels, vector: Support, start: int, length: int) -> Vec:
    """The vector on one cut of its axis, zeros where it has none."""
    low, high = max(start, vector.start), min(start + length, vector.start + vector.length)
    inner = kernels.take(vector.vec, low - vector.start, high - vector.start)
    if high - low == length:
        return inner
    before, after = kernels.zeros(low - start), kernels.zeros(start + length - high)
    return kernels.concat([before, inner, after])

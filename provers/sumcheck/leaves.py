"""The look-up argument: leaves of two trees of fractions, and the claims they end in.

Every looked-up pair is a leaf 1 / fingerprint, every table row a leaf -multiplicity / fingerprint;
all of them add up to zero if and only if every pair is a row (up to the error of a random
challenge).  The fingerprint is alpha - key - beta1 tag - beta2 value.

Source: Haböck, eprint 2022/1530; docs/sumcheck.md, section 5.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.axes import Axes, Support, eq_weights
from zkdps.provers.sumcheck.channel import Channel
from zkdps.provers.sumcheck.eq_tables import prepare
from zkdps.provers.sumcheck.field import Element
from zkdps.provers.sumcheck.fractions_tree import LeafClaim, Tree, reduce_tree, tree_of
from zkdps.provers.sumcheck.functionals import Claim, Product, Tops, add_form
from zkdps.provers.sumcheck.integers import Tensors, form_integers
from zkdps.provers.sumcheck.kernels.interface import Kernels, Vec
from zkdps.provers.sumcheck.layout import Leaves, Piece, leaves_of
from zkdps.provers.sumcheck.system import System, Table

_SPLIT_BITS = 8
"""Long columns of tables meet eq(z, .) as matrices with 2^8 columns."""


@dataclass(frozen=True, slots=True)
class Challenges:
    """Of the fingerprint."""

    alpha: Element
    beta1: Element
    beta2: Element

    def base(self, table: Table) -> Element:
        """alpha - beta1 tag."""
        return field.sub(self.alpha, field.scale(self.beta1, table.tag))


def prove_or_check_lookups(
    channel: Channel, system: System, axes: Axes, values: Tensors | None
) -> list[Claim]:
    """The look-up argument, both ends; a claim on what is looked up and one on multiplicities.

    Raises:
        CheckFailed: the fractions do not add up to zero, or a step of the reduction fails.
    """
    if not system.tables:
        return []
    channel.grind(system.preset.grind_bits)
    challenges = Challenges(*channel.transcript.challenges(3))
    leaves = leaves_of(system)
    trees = None if values is None else _trees(system, axes.kernels, leaves, challenges, values)
    p1, q1, p2, q2 = channel.elements(
        "roots-of-trees", 4, lambda: [part for tree in trees or () for part in tree.root]
    )
    if not channel.proving:
        total = field.add(field.mul(p1, q2), field.mul(p2, q1))
        if any(total) or not any(q1) or not any(q2):
            raise CheckFailed(5, "the look-ups are not rows of their tables")
    found = reduce_tree(channel, leaves.lookup_depth, (p1, q1), trees[0] if trees else None)
    lookups = _lookup_claim(channel, system, axes, leaves, challenges, found)
    found = reduce_tree(channel, leaves.table_depth, (p2, q2), trees[1] if trees else None)
    return [lookups, _table_claim(channel, system, axes, leaves, challenges, found)]


def _trees(
    system: System, kernels: Kernels, leaves: Leaves, challenges: Challenges, values: Tensors
) -> tuple[Tree, Tree]:
    """The prover's."""
    q = _lookup_denominators(system, kernels, leaves, challenges, values)
    lookups = tree_of(kernels, leaves.lookup_depth, None, q)
    minus = field.element(-1, kernels.degree)
    rows: list[Vec] = []
    counts: list[Vec] = []
    for piece in leaves.tables:
        table = system.tables[piece.box]
        start, size = piece.starts[0], piece.size
        keys = np.arange(table.low + start, table.low + start + size, dtype=np.int64)
        column = None if table.values is None else table.values[start : start + size]
        rows.append(kernels.fingerprints(keys, column, challenges.base(table), challenges.beta2))
        counted = values[table.multiplicity][start : start + size].astype(np.int64)
        counts.append(kernels.scale(kernels.lift(counted), minus))
    return lookups, tree_of(
        kernels, leaves.table_depth, kernels.concat(counts), kernels.concat(rows)
    )


def _lookup_denominators(
    system: System, kernels: Kernels, leaves: Leaves, challenges: Challenges, values: Tensors
) -> Vec:
    """Fingerprints of everything that is looked up, in the order of the leaves."""
    parts: dict[int, Vec] = {}
    by_lookup: dict[int, list[int]] = {}
    for number, piece in enumerate(leaves.lookups):
        by_lookup.setdefault(piece.box, []).append(number)
    for position, numbers in by_lookup.items():
        lookup = system.lookups[position]
        base = challenges.base(system.tables[lookup.table])
        keys = form_integers(system, values, lookup.key)
        worth = None if lookup.value is None else form_integers(system, values, lookup.value)
        for number in numbers:
            piece = leaves.lookups[number]
            cut = tuple(
                slice(start, start + length)
                for start, length in zip(piece.starts, piece.lengths, strict=True)
            )
            parts[number] = kernels.fingerprints(
                np.ascontiguousarray(keys[cut]).ravel(),
                None if worth is None else np.ascontiguousarray(worth[cut]).ravel(),
                base,
                challenges.beta2,
            )
    return kernels.concat([parts[number] for number in range(len(leaves.lookups))])


def _leaf_weights(
    kernels: Kernels, point: Sequence[Element], piece: Piece, known: dict[object, Support]
) -> list[Support]:
    """eq(point's bits of each axis, .) on the piece's range of that axis."""
    weights, shift = [], len(point)
    for start, length, lg in reversed(
        list(zip(piece.starts, piece.lengths, piece.axis_bits, strict=True))
    ):
        key = (start, lg, shift)
        if key not in known:
            known[key] = eq_weights(kernels, point[shift - lg : shift], start, length)
        weights.append(known[key])
        shift -= lg
    return weights[::-1]


def _lookup_claim(
    channel: Channel,
    system: System,
    axes: Axes,
    leaves: Leaves,
    challenges: Challenges,
    found: LeafClaim,
) -> Claim:
    """q = 1 - indicator + sum of (base - key - beta2 value): a claim on the looked-up forms."""
    degree = axes.kernels.degree
    tops = Tops(found.point, degree)
    known: dict[object, Support] = {}
    claim = Claim(field.sub(found.q, field.one(degree)))
    indicator = field.zero(degree)
    minus, minus_beta2 = field.element(-1, degree), field.neg(challenges.beta2)
    placed = [_leaf_weights(axes.kernels, found.point, piece, known) for piece in leaves.lookups]
    prepare(axes.kernels, list(known.values()))
    for piece, supports in zip(leaves.lookups, placed, strict=True):
        lookup = system.lookups[piece.box]
        lg = piece.size.bit_length() - 1
        top = tops.at(len(found.point) - lg, piece.offset >> lg)
        indicator = field.add(indicator, top)
        constant = field.mul(top, challenges.base(system.tables[lookup.table]))
        claim.value = field.sub(claim.value, constant)
        weights = dict(zip(lookup.labels, supports, strict=True))
        add_form(system, axes, claim, field.mul(top, minus), lookup.key, weights)
        if lookup.value is not None:
            factor = field.mul(top, minus_beta2)
            add_form(system, axes, claim, factor, lookup.value, weights)
    claim.value = field.add(claim.value, indicator)
    if found.p != indicator and not channel.proving:
        raise CheckFailed(5, "numerators of look-ups are not 1")
    return claim


def _table_claim(
    channel: Channel,
    system: System,
    axes: Axes,
    leaves: Leaves,
    challenges: Challenges,
    found: LeafClaim,
) -> Claim:
    """The denominators are the verifier's own business; p is a claim on multiplicities."""
    degree = axes.kernels.degree
    tops = Tops(found.point, degree)
    known: dict[object, Support] = {}
    claim = Claim(found.p)
    denominators = field.one(degree)
    minus = field.element(-1, degree)
    for piece in leaves.tables:
        table = system.tables[piece.box]
        lg = piece.size.bit_length() - 1
        top = tops.at(len(found.point) - lg, piece.offset >> lg)
        (weights,) = _leaf_weights(axes.kernels, found.point, piece, known)
        claim.products.append(Product(field.mul(top, minus), table.multiplicity, (weights,)))
        if not channel.proving:
            bits = found.point[len(found.point) - lg :]
            row = _row_fingerprint(axes.kernels, table, challenges, piece, bits)
            row = field.sub(row, field.one(degree))
            denominators = field.add(denominators, field.mul(top, row))
    if not channel.proving and denominators != found.q:
        raise CheckFailed(5, "denominators of table rows are not those of the key")
    return claim


def _row_fingerprint(
    kernels: Kernels, table: Table, challenges: Challenges, piece: Piece, bits: Sequence[Element]
) -> Element:
    """The extension of the fingerprints of one piece of a table's rows: keys in closed form."""
    start = piece.starts[0]
    fingerprint = field.sub(
        challenges.base(table), field.element(table.low + start, kernels.degree)
    )
    for place_value, z in zip(itertools.count(), reversed(bits)):
        fingerprint = field.sub(fingerprint, field.scale(z, 1 << place_value))
    if table.values is None:
        return fingerprint
    column = table.values[start : start + piece.size]
    low = min(_SPLIT_BITS, len(bits))
    matrix = np.ascontiguousarray(column.reshape(-1, 1 << low))
    inner = kernels.rows_dot(matrix, kernels.eq_table(bits[len(bits) - low :]))
    worth = kernels.dot(inner, kernels.eq_table(bits[: len(bits) - low]))
    return field.sub(fingerprint, field.mul(challenges.beta2, worth))

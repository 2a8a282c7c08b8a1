"""Sums of fractions by GKR: a binary tree of (numerator, denominator), reduced layer by layer.

A node of (p0, q0) and (p1, q1) is (p0 q1 + p1 q0, q0 q1), so the root is the sum of all leaves.
Entry i pairs with entry i + half.  A claim on one layer becomes, by a sum-check whose rounds have
the factor eq taken out, a claim on the layer below.

Source: Papini and Haböck, eprint 2023/1284; docs/sumcheck.md, section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.channel import Channel
from zkdps.provers.sumcheck.field import Element
from zkdps.provers.sumcheck.kernels.interface import FractionLayer, Kernels, Vec


@dataclass(frozen=True, slots=True)
class LeafClaim:
    """The extensions of a tree's leaves at one point."""

    point: tuple[Element, ...]
    p: Element
    q: Element


@dataclass(slots=True)
class Tree:
    """All layers of the prover's tree; layer k has 2^k nodes, of which it holds the real ones."""

    kernels: Kernels
    root: tuple[Element, Element]
    """(P, Q)."""
    layers: list[tuple[Vec | None, Vec]]
    """Numerators (`None`: all 1) and denominators of the real nodes, the leaves first; the other
    nodes are (0, 1).  Layers are used up from the root down."""
    _layer: FractionLayer | None = None
    _challenge: Element | None = None

    def open_layer(self, k: int, point: Sequence[Element], batch: Element) -> None:
        """Start the sum-check that leads from layer k to layer k + 1, which is given up."""
        p, q = self.layers.pop()
        self._layer = self.kernels.fraction_start(p, q, 1 << k, point, batch)
        self._challenge = None

    def round(self) -> list[Element]:
        """h(0) and the leading coefficient of h."""
        if self._layer is None:
            raise ValueError("no layer is open")
        self._layer, zero, leading = self.kernels.fraction_round(self._layer, self._challenge)
        return [zero, leading]

    def bind(self, challenge: Element) -> None:
        """The challenge of the round just sent."""
        self._challenge = challenge

    def children(self) -> list[Element]:
        """p0, p1, q0, q1 at the point."""
        if self._layer is None:
            raise ValueError("no layer is open")
        return list(self.kernels.fraction_end(self._layer, self._challenge))


def tree_of(kernels: Kernels, depth: int, p: Vec | None, q: Vec) -> Tree:
    """The tree over the leaves (p, q), padded by (0, 1) to 2^depth."""
    layers: list[tuple[Vec | None, Vec]] = [(p, q)]
    for k in reversed(range(depth)):
        layers.append(kernels.fractions(*layers[-1], 1 << k))
    top, bottom = layers.pop()
    root = field.zero(kernels.degree), field.one(kernels.degree)
    if kernels.length(bottom):
        above = root[1] if top is None else kernels.to_elements(top)[0]
        root = above, kernels.to_elements(bottom)[0]
    return Tree(kernels, root, layers)


def reduce_tree(
    channel: Channel, depth: int, root: tuple[Element, Element], tree: Tree | None
) -> LeafClaim:
    """Leads a claim on the root to a claim on the leaves; both ends.

    Raises:
        CheckFailed: a sum-check does not add up.
    """
    degree = channel.transcript.degree
    one = field.one(degree)
    point: tuple[Element, ...] = ()
    p, q = root
    for k in range(depth):
        batch = channel.transcript.challenge() if k else field.zero(degree)
        if tree is not None:
            tree.open_layer(k, point, batch)
        # The claim times the product of the coordinates so far: nobody divides.
        claim, product = field.add(p, field.mul(batch, q)), one
        bound: list[Element] = []
        for r in point:
            if not any(r) and not channel.proving:
                raise CheckFailed(5, "a coordinate of a tree's point is 0")
            h0, h2 = channel.elements("h", 2, lambda: _tree(tree).round())
            x = channel.transcript.challenge()
            # claim = (1 - r) h(0) + r h(1), h(x) = h(0) + x (h(1) - h(0) - h2 + x h2), so
            # r h(x) = r h(0) + x (claim - h(0) + (x - 1) r h2); all of it times the product.
            claim = field.sub(claim, field.mul(product, h0))
            product = field.mul(product, r)
            bent = field.mul(field.sub(x, one), field.mul(product, h2))
            claim = field.mul(x, field.add(claim, bent))
            claim = field.add(claim, field.mul(product, h0))
            bound.append(x)
            if tree is not None:
                tree.bind(x)
        p0, p1, q0, q1 = channel.elements("children", 4, lambda: _tree(tree).children())
        top = field.add(field.mul(p0, q1), field.mul(p1, q0))
        bottom = field.mul(q0, q1)
        if k == 0 and bottom != q and not channel.proving:
            raise CheckFailed(5, "a tree's root is not made of its children")
        total = field.mul(product, field.add(top, field.mul(batch, bottom)))
        if total != claim and not channel.proving:
            raise CheckFailed(5, "a layer of fractions does not add up")
        c = channel.transcript.challenge()
        point = (c, *bound)
        p = field.add(p0, field.mul(c, field.sub(p1, p0)))
        q = field.add(q0, field.mul(c, field.sub(q1, q0)))
    return LeafClaim(point, p, q)


def _tree(tree: Tree | None) -> Tree:
    if tree is None:
        raise ValueError("only a prover computes messages")
    return tree

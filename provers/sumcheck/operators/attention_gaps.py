"""Gaps of a query's scores below the largest that it may read; the relations are `attention`'s.

    2^s (m_i - d_ij) - 2^(s-1) + r_ij = sum_e q_ie k_je     where a = 1
    b_ij (d_ij + 1 - a_ij) = 0,   sum_j b_ij = 1

Two ways to say "where a = 1":

- A mask of keys alone is a factor of the first relation, with 2^s d and r outside of it: where
  a = 0 it says 2^s d = r < 2^s, so d = 0.
- A mask of queries and keys would make that product as large as all pairs times e.  Instead a
  committed slack 2^s x_ij stands in the relation, with x_ij a_ij + d_ij (1 - a_ij) = 0: where
  a = 1 there is no slack, where a = 0 there is no gap.  x needs no range: it meets nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from zkdps.provers.sumcheck.operands import Axis, Integers, Operand
from zkdps.provers.sumcheck.operators.attention_mask import no_key, spread_mask
from zkdps.provers.sumcheck.operators.maximum import attain, labels_of
from zkdps.provers.sumcheck.program import Width
from zkdps.provers.sumcheck.requantise import limb_bits
from zkdps.provers.sumcheck.system import Bound, Int64s
from zkdps.provers.sumcheck.wires import whole

if TYPE_CHECKING:
    from zkdps.provers.sumcheck.builder import Builder

HEADS = "grij"
"""Letters of scores: group of heads, head in its group, query, key."""


def gaps_below_maximum(
    builder: Builder,
    name: str,
    axes: Mapping[str, Axis],
    query: Operand,
    key: Operand,
    allowed: Operand | None,
    by_query: bool,
) -> Operand:
    """Commit the maximum `name.top` of a query's allowed scores and the gaps `name.gap` below it.

    Args:
        name: of the attention.
        query, key: (g, r, i, e) and (g, j, e), over those letters.
        allowed: 0/1, see `attention_mask`; `None` is all.
        by_query: whether `allowed` tells queries apart.

    Raises:
        LayoutFailed: scores are finer than the products, or a static bound does not hold.
    """
    top, gap, slack, score = (
        f"{name}.top",
        f"{name}.gap",
        f"{name}.slack",
        builder.width(f"{name}.score"),
    )
    shift = query.scale_bits + key.scale_bits - score.scale_bits
    if shift < 0:
        raise builder.failed(f"{name}: scores are finer than the products they are")
    half = (1 << shift) >> 1
    shape = tuple(builder.extent(axes[letter]) for letter in HEADS)
    cuts = limb_bits(shift)
    limbs = [f"{gap}.remainder{i or ''}" for i in range(len(cuts))]
    builder.commit(top, shape[:3], score, Bound.LOOKUP)
    builder.commit(gap, shape, builder.width(gap), Bound.PAIR)
    for limb, bits in zip(limbs, cuts, strict=True):
        builder.commit(limb, shape, Width(0, 0, (1 << bits) - 1), Bound.LOOKUP)
    if by_query:
        most = score.count + builder.width(gap).high
        builder.commit(slack, shape, Width(0, -most, most), Bound.HELPER)

    def compute(values: Integers) -> list[Int64s]:
        keys = np.swapaxes(key.read(values), -1, -2)[:, None]
        raised = exact_product(query.read(values), keys) + half
        scores = raised >> shift
        rest = raised - (scores << shift)
        if allowed is None:
            largest = scores.max(axis=-1)
            gaps = largest[..., None] - scores
        else:
            open_ = np.broadcast_to(spread_mask(allowed, values) != 0, shape)
            if not open_.any(axis=-1).all():
                raise no_key(builder.block, name, shape[-1])
            largest = np.where(open_, scores, scores.min()).max(axis=-1)
            below = scores - largest[..., None]
            gaps = np.where(open_, -below, 0)
            if by_query:
                slacks = np.where(open_, 0, below)
            else:
                rest = np.where(open_, rest, 0)
        results = [largest, gaps, *([slacks] if by_query else [])]
        for bits in cuts:
            results.append(rest & ((1 << bits) - 1))
            rest = rest >> bits
        return results

    builder.step((top, gap, *([slack] if by_query else []), *limbs), compute)
    builder.range_check(top)
    for limb in limbs:
        builder.range_check(limb)
    labels = labels_of(axes, HEADS)
    tops = builder.operand(whole(top, shape[:3]), axes, "gri")
    gaps = builder.operand(whole(gap, shape), axes, HEADS)
    offsets = [0, *np.cumsum(cuts).tolist()]
    remainder = [
        (1 << offset, builder.operand(whole(limb, shape), axes, HEADS))
        for limb, offset in zip(limbs, offsets, strict=False)
    ]
    raised = builder.form((1 << shift, tops), constant=-half)
    closing = [(-(1 << shift), gaps), *remainder]
    product = (builder.form(query, labels=query.box), builder.form(key, labels=key.box))
    mask: tuple[int, ...] = ()
    if allowed is not None and by_query:
        slacks = builder.operand(whole(slack, shape), axes, HEADS)
        closing.append((1 << shift, slacks))
        open_form, shut_form = (
            builder.form((sign, allowed), constant=constant) for sign, constant in ((1, 0), (-1, 1))
        )
        apart = [(1, (builder.form(slacks), open_form)), (1, (builder.form(gaps), shut_form))]
        builder.relation(slack, labels, apart)
    elif allowed is not None:
        mask = (builder.form(allowed),)
    closed_form = builder.form(*closing, labels=labels)
    terms = [(1, (*mask, raised)), (1, (closed_form,)), (-1, (*mask, *product))]
    builder.relation(gap, labels, terms)
    builder.prove_bounds(
        gap,
        count=score.count + gaps.high,
        shift=shift,
        magnitude=builder.extent(axes["e"]) * query.magnitude * key.magnitude,
        decomposed=(score.magnitude + gaps.high + 1) << shift,
    )
    closed = () if allowed is None else ((-1, allowed),)
    below = builder.form(gaps, *closed, constant=len(closed), labels=labels)

    def blocked(values: Integers) -> Int64s:
        held = gaps.read(values)
        return held if allowed is None else held + 1 - spread_mask(allowed, values)

    attain(builder, top, axes, "gri", "j", below, blocked)
    return gaps


def exact_product(left: Int64s, right: Int64s) -> Int64s:
    """Integer matrix product through float64: exact while sums stay below 2^53."""
    return np.rint(left.astype(np.float64) @ right.astype(np.float64)).astype(np.int64)

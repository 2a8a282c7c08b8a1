"""All claims of a proof as one claim, and its opening: sum-check, one row combination, columns.

Source: Ligero (Ames et al. 2017), tensor form by Diamond and Posen, eprint 2023/630, and
Diamond and Gruen, eprint 2024/1351; docs/sumcheck.md, section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.channel import Channel
from zkdps.provers.sumcheck.field import Element, P
from zkdps.provers.sumcheck.functionals import Claim, Places, evaluate
from zkdps.provers.sumcheck.kernels.interface import I32, Kernels, Vec
from zkdps.provers.sumcheck.layout import Layout
from zkdps.provers.sumcheck.merkle import Codeword, Digests, open_columns
from zkdps.provers.sumcheck.opening_sums import OpeningSums
from zkdps.provers.sumcheck.system import Preset


@dataclass(frozen=True, slots=True)
class Committed:
    """What the prover holds of one commitment."""

    integers: I32
    """(rows * C,): pieces in order, zeros behind them."""
    codeword: Codeword
    tree: Digests


def prove_or_check_opening(
    channel: Channel,
    kernels: Kernels,
    preset: Preset,
    layout: Layout,
    places: Places,
    roots: Sequence[bytes],
    claims: Sequence[Claim],
    committed: Sequence[Committed] | None,
) -> None:
    """Shows that the integers under the roots satisfy all claims; both ends.

    Args:
        channel: either end.
        kernels: vector arithmetic.
        preset: queries and work.
        layout: of the commitments.
        places: the same, by tensor.
        roots: of the commitments, in slot order.
        claims: on their integers.
        committed: the prover's data, in slot order.

    Raises:
        CheckFailed: they do not.
    """
    degree = kernels.degree
    transcript = channel.transcript
    weights = field.powers(transcript.challenge(), len(claims))
    claim = field.dot([claim.value for claim in claims], weights, degree)
    sums = None
    if committed is not None:
        integers = [c.integers for c in committed]
        sums = OpeningSums(kernels, layout, places, claims, weights, integers)
    bound: list[Element] = []
    for _ in range(layout.variables):
        t0, t2 = channel.elements("t", 2, lambda: _sums(sums).round())
        x = transcript.challenge()
        # t(1) = claim - t(0).
        slope = field.sub(field.sub(field.sub(claim, t0), t0), t2)
        claim = field.add(t0, field.mul(x, field.add(slope, field.mul(x, t2))))
        bound.append(x)
        if sums is not None:
            sums.bind(x)
    point = bound[::-1]
    high, low = point[: len(point) - layout.columns_log], point[len(point) - layout.columns_log :]
    row_weights = kernels.eq_table(high)
    column_weights = kernels.eq_table(low)
    combined = None
    if committed is not None:
        combined = _combined_rows(kernels, layout, committed, row_weights)
    (w,) = channel.elements("w", 1, lambda: [kernels.dot(_vec(combined), column_weights)])
    if not channel.proving:
        functional = evaluate(kernels, layout, places, claims, weights, point)
        if field.mul(w, functional) != claim:
            raise CheckFailed(5, "the claims on committed integers do not hold")
    data = channel.message(
        "u", 4 * degree << layout.columns_log, lambda: kernels.to_bytes(_vec(combined))
    )
    try:
        u = kernels.from_bytes(data)
    except ValueError as error:
        raise CheckFailed(5, "message 'u' is not canonical") from error
    if not channel.proving and kernels.dot(u, column_weights) != w:
        raise CheckFailed(5, "the combined row does not have the value that was sent")
    _open_columns(channel, kernels, preset, layout, roots, committed, row_weights, u)


def _sums(sums: OpeningSums | None) -> OpeningSums:
    if sums is None:
        raise ValueError("only a prover computes messages")
    return sums


def _vec(vec: Vec | None) -> Vec:
    if vec is None:
        raise ValueError("only a prover computes messages")
    return vec


def _combined_rows(
    kernels: Kernels, layout: Layout, committed: Sequence[Committed], weights: Vec
) -> Vec:
    """u: the sum over all rows of the address space of weight * row."""
    total = kernels.zeros(1 << layout.columns_log)
    for commitment, held in zip(layout.commitments, committed, strict=True):
        first = layout.first_row(commitment)
        rows = kernels.take(weights, first, first + commitment.rows)
        matrix = held.integers.reshape(commitment.rows, -1)
        total = kernels.add(total, kernels.dot_rows(matrix, rows))
    return total


def _open_columns(
    channel: Channel,
    kernels: Kernels,
    preset: Preset,
    layout: Layout,
    roots: Sequence[bytes],
    committed: Sequence[Committed] | None,
    weights: Vec,
    u: Vec,
) -> None:
    channel.grind(preset.grind_bits)
    drawn = channel.transcript.indices(preset.queries, 1 << layout.code_log)
    indices = sorted(set(drawn))
    columns: list[NDArray[np.uint32]] = []
    rows: list[Vec] = []
    for position, commitment in enumerate(layout.commitments):
        shape = (layout.columns_log, layout.code_log, commitment.rows)
        held = None
        if committed is not None:
            held = committed[position].codeword, committed[position].tree
        columns.append(open_columns(channel, roots[position], indices, shape, held))
        first = layout.first_row(commitment)
        rows.append(kernels.take(weights, first, first + commitment.rows))
    if channel.proving:
        return
    opened = np.concatenate(columns, axis=1)
    if int(opened.max()) >= P:
        raise CheckFailed(5, "a column holds a word that is not below p")
    expected = kernels.encode_at(u, layout.code_log, indices)
    if kernels.combine_columns(opened, kernels.concat(rows)) != expected:
        raise CheckFailed(5, "opened columns are not those of the combined row")

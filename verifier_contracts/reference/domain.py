"""Lagrange polynomials of the rows {ωⁱ} at x, and the instance column there.

Lᵢ(x) = (xⁿ - 1)/n · ωⁱ/(x - ωⁱ).  The last `l` rows are unusable: row -l is the *last* row of the
running products, the others hide (blind) the columns.
"""

from __future__ import annotations

from dataclasses import dataclass

from zkdps.verifier_contracts.reference.decode import root_of_unity
from zkdps.verifier_contracts.reference.proof import Proof, failed
from zkdps.verifier_contracts.reference.scalars import ORDER, invert_all
from zkdps.verifier_contracts.reference.vka import Vka


@dataclass(frozen=True, slots=True)
class AtX:
    """What the constraints need to know about the domain at x."""

    x_to_n: int
    vanishing_inverse: int
    """1/(xⁿ - 1)."""
    l_first: int
    l_last: int
    l_blind: int
    """Σ Lᵢ over the blinding rows."""
    instance: int
    """The instance column's polynomial at x."""

    @property
    def l_active(self) -> int:
        """1 on the rows that constraints reach."""
        return (1 - self.l_last - self.l_blind) % ORDER


def evaluate_domain(vka: Vka, proof: Proof) -> AtX:
    """One inversion for all rows.

    Raises:
        CheckFailed: (5) x is a row, which an honest transcript gives with probability n/r.
    """
    x, omega = proof.challenges.x, root_of_unity(vka.logrows)
    x_to_n = pow(x, 1 << vka.logrows, ORDER)
    vanishing = (x_to_n - 1) % ORDER
    row = pow(omega, -vka.unusable_rows, ORDER)
    rows = [row]
    # Row 0 is needed even when there are no instances.
    for _ in range(vka.unusable_rows + max(vka.instances, 1) - 1):
        row = row * omega % ORDER
        rows.append(row)
    try:
        *inverses, vanishing_inverse = invert_all([x - row for row in rows] + [vanishing])
    except ZeroDivisionError as error:
        raise failed("the challenge x is a row of the domain") from error
    factor = vanishing * pow(1 << vka.logrows, -1, ORDER) % ORDER
    lagrange = [
        factor * row % ORDER * inverse % ORDER for row, inverse in zip(rows, inverses, strict=True)
    ]
    usable = lagrange[vka.unusable_rows :]
    instance = sum(a * b for a, b in zip(usable, proof.instances, strict=False)) % ORDER
    return AtX(
        x_to_n,
        vanishing_inverse,
        usable[0],
        lagrange[0],
        sum(lagrange[1 : vka.unusable_rows]) % ORDER,
        instance,
    )

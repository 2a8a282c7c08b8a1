"""The work bound is one: multiplications and group terms are counted and stay below it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.verifier_contracts.stored import NAMES, stored
from zkdps.verifier_contracts.reference import verify, work_bound
from zkdps.verifier_contracts.reference.proof import read_proof
from zkdps.verifier_contracts.reference.work import MAX_GROUP_TERMS, MAX_MULTIPLICATIONS


class Counted(int):
    """An integer whose products are counted; results of its arithmetic are counted too."""

    products = 0

    def __mul__(self, other: int) -> Counted:
        Counted.products += 1
        return Counted(int(self) * int(other))

    __rmul__ = __mul__

    def __add__(self, other: int) -> Counted:
        return Counted(int(self) + int(other))

    __radd__ = __add__

    def __sub__(self, other: int) -> Counted:
        return Counted(int(self) - int(other))

    def __rsub__(self, other: int) -> Counted:
        return Counted(int(other) - int(self))

    def __neg__(self) -> Counted:
        return Counted(-int(self))

    def __mod__(self, other: int) -> Counted:
        return Counted(int(self) % int(other))

    def __pow__(self, exponent: int, modulus: int | None = None) -> Counted:  # type: ignore[override]
        # Square and multiply; an inversion is one step and has no products of ours.
        Counted.products += 2 * exponent.bit_length() if exponent > 0 else 0
        return Counted(pow(int(self), exponent, modulus))


@pytest.mark.parametrize("name", NAMES)
def test_work_stays_below_its_bound(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = stored(name)
    bound = work_bound(one.vka)
    honest = read_proof

    def counting(*arguments: Any) -> Any:
        proof = honest(*arguments)
        kinds = type(proof.challenges)
        values = {
            field: Counted(getattr(proof.challenges, field))
            for field in kinds.__dataclass_fields__
            if field != "user"
        }
        challenges = kinds(user=tuple(map(Counted, proof.challenges.user)), **values)
        return type(proof)(
            proof.points,
            tuple(map(Counted, proof.evaluations)),
            proof.w,
            proof.w_prime,
            tuple(map(Counted, proof.instances)),
            challenges,
        )

    monkeypatch.setattr(verify, "read_proof", counting)
    Counted.products = 0
    equation = cast(Any, verify)._equation(verify.Claim(one.vka, one.proof, one.instances))
    assert 0 < Counted.products <= bound.multiplications
    assert len(equation.terms) <= bound.group_terms
    assert 3 * Counted.products > bound.multiplications, "the bound says too little to be of use"


def test_no_key_reaches_the_limits() -> None:
    """The worst that 2^16 bytes of key, of proof and 2^16 instances can ask for."""
    steps = (1 << 16) // 3
    columns = (1 << 16) // 5
    evaluations = (1 << 16) // 32
    instances = 7 * (1 << 16)
    worst = steps + 13 * 2048 + 4 * 2048 + 4 * columns + 8 * 2048 + 60 * evaluations + instances
    assert worst + 1000 < MAX_MULTIPLICATIONS
    most_terms = (1 << 16) // 32 + (1 << 16) // 64 + 3
    assert most_terms < MAX_GROUP_TERMS

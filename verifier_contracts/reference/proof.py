"""A proof's bytes, read along the transcript: points, evaluations and challenges in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zkdps.core.errors import CheckFailed
from zkdps.verifier_contracts.reference.bn254 import Affine, is_on_curve
from zkdps.verifier_contracts.reference.scalars import ORDER
from zkdps.verifier_contracts.reference.transcript import Transcript
from zkdps.verifier_contracts.reference.vka import Vka

CHECK = 5
"""The numbered check of a run that this room repeats (`zkdps.core.checks`)."""


@dataclass(frozen=True, slots=True)
class Challenges:
    """What the transcript gave, by the names of the halo2 book and of SHPLONK."""

    user: tuple[int, ...]
    theta: int
    """Folds the tuples of a lookup."""
    beta: int
    gamma: int
    y: int
    """Folds the constraints into one."""
    x: int
    """Where everything is evaluated."""
    zeta: int
    """Folds the polynomials of one set of points."""
    nu: int
    """Folds the sets."""
    mu: int
    """Where the opening is evaluated."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof in bounds: points on the curve, scalars reduced."""

    points: tuple[Affine, ...]
    evaluations: tuple[int, ...]
    w: Affine
    w_prime: Affine
    """The opening's two quotients."""
    instances: tuple[int, ...]
    challenges: Challenges


def read_proof(vka: Vka, data: bytes, instances: Sequence[int]) -> Proof:
    """Bytes to a proof and its challenges.

    Raises:
        CheckFailed: (5) another length than the key says, a point off the curve (the identity has
            no encoding that is on it), a scalar that is not reduced.
    """
    if len(data) != vka.proof_bytes:
        raise failed("the proof's length", f"{vka.proof_bytes} bytes", f"{len(data)}")
    if len(instances) != vka.instances:
        raise failed("the number of instances", f"{vka.instances}", f"{len(instances)}")
    for instance in instances:
        if not 0 <= instance < ORDER:
            raise failed("an instance is not a reduced scalar")
    transcript = Transcript(vka.digest)
    transcript.absorb(b"".join(instance.to_bytes(32, "big") for instance in instances))
    return _along(vka, data, tuple(instances), transcript)


def _along(vka: Vka, data: bytes, instances: tuple[int, ...], transcript: Transcript) -> Proof:
    points: list[Affine] = []
    squeezed: list[int] = []
    for phase in vka.phases:
        for _ in range(phase.points):
            points.append(_point(data, 64 * len(points), transcript))
        squeezed += [transcript.challenge() for _ in range(phase.challenges)]
    at = 64 * len(points)
    evaluations = [_scalar(data, at + 32 * i) for i in range(vka.evaluations)]
    at += 32 * vka.evaluations
    transcript.absorb(data[64 * len(points) : at])
    zeta, nu = transcript.challenge(), transcript.challenge()
    w = _point(data, at, transcript)
    mu = transcript.challenge()
    w_prime = _point(data, at + 64, transcript)
    user, named = squeezed[: vka.user_challenges], squeezed[vka.user_challenges :]
    theta, beta, gamma, y, x = named
    challenges = Challenges(tuple(user), theta, beta, gamma, y, x, zeta, nu, mu)
    return Proof(tuple(points), tuple(evaluations), w, w_prime, instances, challenges)


def _point(data: bytes, at: int, transcript: Transcript) -> Affine:
    encoded = data[at : at + 64]
    x, y = int.from_bytes(encoded[:32], "big"), int.from_bytes(encoded[32:], "big")
    if not is_on_curve(x, y):
        raise failed(f"the point at byte {at} of the proof is not on the curve")
    transcript.absorb(encoded)
    return x, y


def _scalar(data: bytes, at: int) -> int:
    value = int.from_bytes(data[at : at + 32], "big")
    if value >= ORDER:
        raise failed(f"the evaluation at byte {at} of the proof is not a reduced scalar")
    return value


def failed(what: str, expected: str | None = None, got: str | None = None) -> CheckFailed:
    """Check 5 failed; the caller knows the block."""
    return CheckFailed(CHECK, f"reference verifier: {what}", expected=expected, got=got)

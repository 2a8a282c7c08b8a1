"""What a verifying key says, typed: every index here is in bounds, by construction in `decode`.

Names of indices: an *evaluation* counts the scalars of a proof, a *point* its leading curve points
(openings' own two points excluded), a *constant* and a *challenge* the tuples below.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from zkdps.verifier_contracts.reference.bn254 import FIELD, Affine

G2Point = tuple[tuple[int, int], tuple[int, int]]
"""(x, y), each (c0, c1) for c0 + c1·u with u² = -1."""


@dataclass(frozen=True, slots=True)
class SrsWords:
    """The SRS inside the key, words 14-23: compare it with the SRS that the key file names."""

    g1: Affine
    g2: G2Point
    minus_s_g2: G2Point
    """-[s]₂."""

    @property
    def s_g2(self) -> G2Point:
        """[s]₂, as SRS files hold it."""
        x, (y0, y1) = self.minus_s_g2
        return x, (-y0 % FIELD, -y1 % FIELD)


@dataclass(frozen=True, slots=True)
class Phase:
    """The prover sends points, then the transcript gives challenges."""

    points: int
    challenges: int


class Op(Enum):
    """What one step of an expression does."""

    EVALUATION = auto()
    NEGATE = auto()
    ADD = auto()
    MULTIPLY = auto()


class Source(Enum):
    """Where an operand of a step comes from."""

    CONSTANT = auto()
    CHALLENGE = auto()
    STEP = auto()


Operand = tuple[Source, int]


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of an expression in static single assignment."""

    op: Op
    evaluation: int = -1
    """For `EVALUATION`."""
    operands: tuple[Operand, ...] = ()
    """One for `NEGATE`, two for `ADD` and `MULTIPLY`; a STEP operand is an earlier step."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A polynomial in evaluations, constants and challenges."""

    steps: tuple[Step, ...]
    outputs: tuple[Operand, ...]
    """A gate has one; a lookup's tuple is folded with θ, first output highest."""


@dataclass(frozen=True, slots=True)
class PermutationColumn:
    """One column of the equality constraints."""

    evaluation: int | None
    """Of the column; None for the instance column, which the verifier evaluates itself."""
    sigma: int
    """Evaluation of its permutation polynomial."""


@dataclass(frozen=True, slots=True)
class PermutationSet:
    """Columns whose product one running-product polynomial z carries."""

    z: int
    z_next: int
    """z(ωx)."""
    z_last: int | None
    """z at the last usable row, ω^-l·x; None in the last set, which nothing follows."""
    columns: tuple[PermutationColumn, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """One lookup by logarithmic derivatives: every input tuple is a row of the table."""

    phi: int
    phi_next: int
    multiplicities: int
    table: Expression
    inputs: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Quotient:
    """The commitment to the quotient polynomial, and its evaluation: the verifier computes both."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One committed polynomial and its evaluations at the points of its set."""

    commitment: int | Affine | None | Quotient
    """A proof point's index, a point of the key, or the quotient; None is the key's identity."""
    evaluations: tuple[int, ...]
    """In the order of the set's rotations; empty for the quotient."""


@dataclass(frozen=True, slots=True)
class OpeningSet:
    """Polynomials opened at the same points {x·ω^rotation}."""

    rotations: tuple[int, ...]
    opened: tuple[Opened, ...]
    """In falling powers of ζ: the last has none."""


@dataclass(frozen=True, slots=True)
class Vka:
    """A verifying key."""

    key_id: str
    """Keccak-256 of the words, hex."""
    digest: int
    """Of the constraint system; the transcript starts with it."""
    logrows: int
    unusable_rows: int
    """At the end of each column: the blinding rows and the last one, l."""
    instances: int
    evaluations: int
    user_challenges: int
    """Challenges before θ, for circuits of several phases."""
    srs: SrsWords
    phases: tuple[Phase, ...]
    quotient_points: range
    """The proof points that carry the pieces of the quotient, lowest degree first."""
    constants: tuple[int, ...]
    gates: tuple[Expression, ...]
    permutation: tuple[PermutationSet, ...]
    lookups: tuple[Lookup, ...]
    openings: tuple[OpeningSet, ...]

    @property
    def points(self) -> int:
        """Of a proof, without the opening's two."""
        return sum(phase.points for phase in self.phases)

    @property
    def proof_bytes(self) -> int:
        """64 a point, 32 an evaluation, and 128 for the opening."""
        return 64 * self.points + 32 * self.evaluations + 128

"""The prover protocol: what a back end does, in terms of records.

Fixed-point tensors cross it, field elements do not; commitment schemes are values, not assumptions.
Back ends are found by name in `zkdps.provers.PROVERS`.  Work files live in directories that the
caller owns; `Circuit` and `Keys` are handles to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zkdps.core.canonical import Json
from zkdps.core.plan import Block, Cost, TensorSpec
from zkdps.core.srs import SrsIdentity
from zkdps.core.statement import Commitment, Link, Proof, Statement, Usage

if TYPE_CHECKING:
    # Workers start before their caller imports numpy.
    from zkdps.core.fixed_point import FixedTensor

Parameters = Mapping[str, Json]
"""A back end's own choices for one circuit, canonical-JSON-able; opaque to everybody else."""


class BlockEnds(Protocol):
    """One block and the tensors at its ends: all that executing and proving ask of it."""

    @property
    def block(self) -> Block:
        """As the plan has it."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """In the block's order; `scale_bits` as the chain has it."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The same."""


@dataclass(frozen=True, slots=True)
class BlockGraph:
    """One block as a model of its own."""

    block: Block
    onnx: bytes
    """Serialised ONNX, weights inside; graph inputs and outputs are the block's, in its order."""
    inputs: tuple[TensorSpec, ...]
    """In the block's order; `scale_bits` as the chain has it."""
    outputs: tuple[TensorSpec, ...]


INTERIOR_BITS = 24
"""Magnitudes in `Ranges.interior` are counted in steps of 2**-24."""

INSIDE = "a value inside"
"""What an `OutOfRange` says of a value that crosses no boundary."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """The integers that one block saw, over some samples; merging takes the hull."""

    lookup_min: int
    """Smallest and largest index into any lookup table; 0, 0 where there is none."""
    lookup_max: int
    max_abs: int
    """Largest magnitude among inputs and outputs."""
    interior_max_abs: int = 0
    """Largest magnitude inside that a circuit is known to have been too small for."""
    interior: Mapping[str, int] = field(default_factory=dict)
    """Largest magnitude of each named quantity inside, in steps of 2**-`INTERIOR_BITS`; empty where
    a back end has no use for it."""

    def hull(self, other: Ranges) -> Ranges:
        """The ranges of both."""
        return Ranges(
            min(self.lookup_min, other.lookup_min),
            max(self.lookup_max, other.lookup_max),
            max(self.max_abs, other.max_abs),
            max(self.interior_max_abs, other.interior_max_abs),
            {
                name: max(self.interior.get(name, 0), other.interior.get(name, 0))
                for name in sorted({*self.interior, *other.interior})
            },
        )


@dataclass(frozen=True, slots=True)
class Circuit:
    """A compiled block."""

    graph: BlockEnds
    parameters: Parameters
    directory: Path
    """Holds the back end's files for it."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One execution of a circuit."""

    inputs: tuple[FixedTensor, ...]
    """As the circuit read them, in the block's order."""
    outputs: tuple[FixedTensor, ...]
    ranges: Ranges
    witness: bytes
    """What `prove` needs, as the back end encodes it."""


@dataclass(frozen=True, slots=True)
class Strength:
    """What stands behind the proofs under a key, as far as it is counted in bits."""

    bits: float
    """Round by round: who hashes q times makes a false run verify with a chance of at most
    q / 2**bits, however many blocks it has."""
    sum_bits: float
    """All rounds of all blocks added up: in one interactive run, the chance that some block's
    integers cannot be extracted is at most 2**-sum_bits."""
    steps: Mapping[str, float]
    """Step of the argument to its bits, the weakest block's."""
    is_zero_knowledge: bool

    def __str__(self) -> str:
        hides = "" if self.is_zero_knowledge else ", not zero-knowledge"
        summed = f"{self.sum_bits:.1f} summed over rounds and blocks"
        return f"{self.bits:.1f} bits of soundness round by round, {summed}{hides}"


class JointProver(Protocol):
    """What a back end does that proves all blocks of a run at once."""

    def join(self, circuits: Sequence[Circuit], directory: Path) -> None:
        """Make the keys of joint proofs in `directory` (existing, empty), after every `setup`."""

    def members(self, directory: Path) -> Mapping[str, bytes]:
        """What an auditor needs: members of the key's `trust`, `JOINT_PREFIX` before each."""

    def prove(
        self,
        circuits: Sequence[Circuit],
        traces: Sequence[Trace],
        directory: Path,
        context: bytes,
    ) -> Proof:
        """One proof of all traces; `directory` is the one that `join` made."""

    def check_trust(
        self, trust: Mapping[str, bytes], materials: Sequence[Mapping[str, bytes]]
    ) -> None:
        """Return if the key of joint proofs is the one that the blocks' material makes.

        Raises:
            CheckFailed: check 2, it is not.
        """

    def verify(
        self,
        trust: Mapping[str, bytes],
        commitments: Mapping[str, Commitment],
        proof: Proof,
        context: bytes,
    ) -> None:
        """Return silently if the proof proves all statements; `commitments` by boundary tensor.

        Raises:
            CheckFailed: check 5, it does not.
        """


class Prover(Protocol):
    """A back end.  Methods raise `CircuitError`, `SetupError` or `ProofError`, nothing foreign."""

    @property
    def name(self) -> str:
        """The name it is found by."""

    @property
    def version(self) -> str:
        """Version of the proving software, as the key records it."""

    @property
    def links(self) -> tuple[Link, ...]:
        """Commitment schemes it offers, the default first."""

    @property
    def dialect(self) -> str:
        """Which rewriting of models it wants, by the name that `circuits.prepare` knows."""

    @property
    def binds_run(self) -> bool:
        """Whether statements are known before proving, and each proof is bound to its run's id."""

    @property
    def checks_itself(self) -> bool:
        """Whether a proof should be verified by who made it before it is handed out."""

    @property
    def jobs(self) -> int:
        """How many calls of `prove`, or of `verify`, it serves at a time, from threads."""

    @property
    def joint(self) -> JointProver | None:
        """How it proves all blocks of a run at once; `None` where it cannot."""

    def warm(self, circuits: Sequence[Circuit]) -> None:
        """Start what proving these will need, if that takes a while, and do not wait for it."""

    @property
    def can_fit(self) -> bool:
        """Whether `fit` does anything."""

    @property
    def is_fitted(self) -> bool:
        """Whether `estimate` uses constants measured on this machine."""

    def fit(self) -> None:
        """Measure this machine's constants with probe circuits, unless that was done before."""

    @property
    def needs_srs(self) -> bool:
        """Whether its keys rest on an SRS."""

    def is_development(self, trust: Mapping[str, bytes]) -> bool:
        """Whether a key's SRS, by its secret and not by its encoding, is the development SRS.

        Raises:
            CheckFailed: check 3, the key carries no well-formed SRS.
        """

    def close(self) -> None:
        """End every worker process; using the prover afterwards starts new ones."""

    def choose(
        self,
        graphs: Sequence[BlockGraph],
        *,
        scale_bits: int,
        link: Link,
        ranges: Sequence[Ranges] | None,
    ) -> tuple[Parameters, ...]:
        """Parameters for every block of a plan at once, so that linked blocks fit each other.

        `ranges` holds one entry a block, margins included; `None` before calibration, when
        generous parameters are chosen that are good for executing and estimating, not for keys.

        Raises:
            LayoutFailed: the back end cannot lay a block out.
            OutOfRange: no circuit can hold a block's values.
        """

    def estimate(self, graph: BlockGraph, parameters: Parameters) -> Cost:
        """Predict the cost of a block on this machine without building it."""

    def compile(self, graph: BlockGraph, parameters: Parameters, directory: Path) -> Circuit:
        """Lay the block out and write the circuit into `directory` (existing, empty).

        Raises:
            LayoutFailed: the back end cannot lay the block out.
            ScaleDrift: an input or output tensor would not be at the chain's scale.
        """

    def open(self, graph: BlockEnds, parameters: Parameters, directory: Path) -> Circuit:
        """The handle to a circuit compiled earlier."""

    def setup_inputs(self, parameters: Parameters) -> Json:
        """What `setup` would make keys from besides the circuit: other inputs, other keys."""

    def setup(self, circuit: Circuit) -> Usage:
        """Make the proving and verifying keys, beside the circuit."""

    def material(self, circuit: Circuit, committed: Sequence[TensorSpec]) -> Mapping[str, bytes]:
        """What an auditor needs to verify this block: member name to bytes, deterministic.

        `committed` names the tensors of this block whose commitments the auditor recomputes from
        values: the model's inputs and outputs.
        """

    def trust(self, circuits: Sequence[Circuit]) -> tuple[SrsIdentity | None, Mapping[str, bytes]]:
        """The SRS behind these keys and the key members that carry its verifier part."""

    def execute(
        self, circuit: Circuit, samples: Sequence[Sequence[FixedTensor]]
    ) -> tuple[Trace, ...]:
        """Run the circuit's integers on samples, each one tensor per input in the block's order.

        Raises:
            OutOfRange: a value leaves what the circuit can hold.
        """

    def check_ranges(self, circuit: Circuit, trace: Trace) -> None:
        """Raise `OutOfRange` where proving this trace would not end in a valid proof."""

    def statement(self, circuit: Circuit, trace: Trace) -> Statement:
        """What a proof of this trace will say, without proving it."""

    def prove(
        self, circuit: Circuit, trace: Trace, context: bytes = b""
    ) -> tuple[Statement, Proof]:
        """Prove one trace.

        `context` says in which run and block the proof stands (`core.run.proof_context`); where
        `binds_run`, the proof verifies with the same context only, else it is ignored.
        """

    def commit(
        self, material: Mapping[str, bytes], link: Link, spec: TensorSpec, tensor: FixedTensor
    ) -> Commitment:
        """The commitment of a model input or output, from a block's key material alone.

        Raises:
            CheckFailed: check 5, the material is at fault; 7, the values are, at whichever end.
        """

    def check_material(
        self,
        material: Mapping[str, bytes],
        link: Link,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
    ) -> Mapping[str, str]:
        """Return if a block's key material is about these tensors, and within bounds.

        A proof says nothing about shapes and scales: without this a key could name any.  Returned
        is, for each tensor by name, how the block commits to it, and to what range of integers
        where that is checked; all blocks must agree.

        Raises:
            CheckFailed: check 2, the key contradicts itself.
        """

    def verify(
        self,
        material: Mapping[str, bytes],
        trust: Mapping[str, bytes],
        statement: Statement,
        proof: Proof,
        context: bytes = b"",
    ) -> None:
        """Return silently if the proof proves the statement under the key material.

        `context` is the one that it was proved with, where the back end `binds_run`.

        Raises:
            CheckFailed: check 5, it does not.
        """

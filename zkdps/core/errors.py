"""Every error zkdps raises on purpose.

Branches say who must act; leaves carry typed fields; the message is built here, never by the
raiser; the hint names the next command.  `tests/core/test_errors.py` compares the drawing with
the code.

    ZkdpsError
    ├── InputError            what the user gave cannot be used                     exit 2
    │   ├── UnreadableFile, MalformedModel, UnsupportedOperator, UndeterminedShape
    │   ├── MalformedTensor, ShapeMismatch, MalformedArchive, MalformedVka, UnknownVersion
    │   └── MissingPackage, UsageConflict
    ├── PlanError             the model cannot be cut or will not fit as asked      exit 2
    │   └── BadCut, DoesNotFit
    ├── CircuitError          a block cannot become, or overflows, a circuit        exit 1
    │   └── LayoutFailed, ScaleDrift, BoundaryMismatch, OutOfRange, AccuracyMissed
    ├── SetupError            reference string, keys, package, disk: prepare them   exit 2
    │   └── MissingSrs, MalformedSrs, WrongSrs, StalePackage, PackageBusy, StorageFailed
    ├── ProofError            a prover process did not deliver                      exit 1
    │   └── ProverFailed, ProverPanicked, ProverKilled, ProverTimedOut
    └── RunError              a numbered check of a run failed (design §5)          exit 1
        └── CheckFailed
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class ZkdpsError(Exception):
    """Root of every expected failure; anything else that escapes is a bug in zkdps."""

    exit_code: ClassVar[int] = 2
    hint: ClassVar[str] = ""

    def __post_init__(self) -> None:
        # Exceptions travel between processes by their args.
        self.args = tuple(getattr(self, name) for name in self.__dataclass_fields__)  # type: ignore[attr-defined]

    def message(self) -> str:
        """One line: what is wrong, where, expected and got."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.message()

    def fields(self) -> dict[str, object]:
        """The typed fields, for `--json`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}  # type: ignore[attr-defined]


class InputError(ZkdpsError):
    """What the user gave cannot be used."""


class PlanError(ZkdpsError):
    """The model cannot be cut, or will not fit, as asked."""


class CircuitError(ZkdpsError):
    """A block cannot become a circuit, or its values leave what the circuit can hold."""

    exit_code = 1


class SetupError(ZkdpsError):
    """SRS, keys, package or disk are not ready."""


class ProofError(ZkdpsError):
    """A prover process did not deliver."""

    exit_code = 1


class RunError(ZkdpsError):
    """A numbered check of a run failed."""

    exit_code = 1


# --- InputError --------------------------------------------------------------------------------


@dataclass(eq=False)
class UnreadableFile(InputError):
    """A file is missing, is not a file, is too large, or cannot be read."""

    path: str
    reason: str
    hint = "check the path; `zkdps --help` lists what each command reads"

    def message(self) -> str:
        return f"cannot read {self.path}: {self.reason}"


@dataclass(eq=False)
class MalformedModel(InputError):
    """The ONNX file is not a valid model within our bounds."""

    path: str
    reason: str
    hint = "run `python -m onnx.checker MODEL` on it, or export it again (zkdps.export)"

    def message(self) -> str:
        return f"{self.path} is not a usable ONNX model: {self.reason}"


@dataclass(eq=False)
class UnsupportedOperator(InputError):
    """An operator that no rewrite makes provable, or that the prover would get silently wrong."""

    operator: str
    node: str
    reason: str
    remedy: str
    hint = "change the model as said, or cut around the node with `zkdps plan --cut TENSOR`"

    def message(self) -> str:
        return f"operator {self.operator} (node {self.node!r}): {self.reason}; {self.remedy}"


@dataclass(eq=False)
class UndeterminedShape(InputError):
    """A dimension is symbolic and nobody fixed it."""

    tensor: str
    shape: tuple[int | str, ...]
    hint = "fix it with `--shape NAME=1,8,384`"

    def message(self) -> str:
        return f"tensor {self.tensor!r} has no fixed shape: {list(self.shape)}"


@dataclass(eq=False)
class MalformedTensor(InputError):
    """A tensor of the user's holds NaN or infinity, is missing, or has the wrong type."""

    tensor: str
    reason: str
    hint = "`zkdps inspect MODEL_OR_KEY` lists the tensors by name, shape and type"

    def message(self) -> str:
        return f"tensor {self.tensor!r}: {self.reason}"


@dataclass(eq=False)
class ShapeMismatch(InputError):
    """A tensor of the user's has another shape than the model takes."""

    tensor: str
    expected: tuple[int, ...]
    got: tuple[int, ...]
    hint = "`zkdps inspect MODEL_OR_KEY` lists the tensors by name, shape and type"

    def message(self) -> str:
        return f"tensor {self.tensor!r} must have shape {list(self.expected)}, got {list(self.got)}"


@dataclass(eq=False)
class MalformedArchive(InputError):
    """A zip, JSON or key file from outside is not well-formed or not within bounds."""

    path: str
    reason: str
    hint = "ask for the file again; `zkdps inspect FILE` shows how far it can be read"

    def message(self) -> str:
        return f"{self.path} is malformed: {self.reason}"


@dataclass(eq=False)
class MalformedVka(InputError):
    """A verifying-key artifact is not one that ezkl writes, or not within bounds."""

    word: int
    reason: str
    hint = "write it again with `zkdps build`; `zkdps inspect KEY` shows what the key holds"

    def message(self) -> str:
        return f"verifying-key artifact, word {self.word}: {self.reason}"


@dataclass(eq=False)
class UnknownVersion(InputError):
    """A file of a format or version that this zkdps does not know."""

    path: str
    expected: str
    got: str
    hint = "install the zkdps release that wrote the file, or a newer one"

    def message(self) -> str:
        return f"{self.path} is {self.got}, this zkdps reads {self.expected}"


@dataclass(eq=False)
class MissingPackage(InputError):
    """An optional Python package is needed for what was asked."""

    package: str
    purpose: str
    extra: str
    hint = "install the extra named above, then run the same command again"

    def message(self) -> str:
        return f"{self.purpose} needs {self.package}: pip install 'zkdps[{self.extra}]'"


@dataclass(eq=False)
class UsageConflict(InputError):
    """Options that contradict each other or miss one another."""

    reason: str
    hint = "`zkdps COMMAND --help` shows examples"

    def message(self) -> str:
        return self.reason


# --- PlanError ---------------------------------------------------------------------------------


@dataclass(eq=False)
class BadCut(PlanError):
    """A cut names no tensor of the model, or leaves nothing on one side."""

    cut: str
    reason: str
    hint = "`zkdps plan MODEL --list-tensors` lists where the model can be cut"

    def message(self) -> str:
        return f"cannot cut at {self.cut!r}: {self.reason}"


@dataclass(eq=False)
class DoesNotFit(PlanError):
    """No plan within the budget; the block that breaks it, what costs most, where to cut."""

    block: int
    resource: str
    needed: str
    budget: str
    operator: str
    cut: str | None
    hint = "add the cut named above with `--cut`, or raise the budget"

    def message(self) -> str:
        where = f"; cutting at {self.cut!r} would help" if self.cut else "; no cut inside it helps"
        return (
            f"block {self.block} needs {self.needed} of {self.resource}, the budget is "
            f"{self.budget}; {self.operator} costs most{where}"
        )


# --- CircuitError ------------------------------------------------------------------------------


@dataclass(eq=False)
class LayoutFailed(CircuitError):
    """The back end could not lay a block out as a circuit."""

    block: int
    reason: str
    hint = "`zkdps plan MODEL` shows the blocks; isolate the operator with `--cut`, or rescale"

    def message(self) -> str:
        return f"block {self.block} cannot be laid out as a circuit: {self.reason}"


@dataclass(eq=False)
class ScaleDrift(CircuitError):
    """A tensor leaves its block at another scale than the chain's: the link would mean nothing."""

    block: int
    tensor: str
    expected: int
    got: int
    hint = "move the cut to before or after the operator that produces the tensor"

    def message(self) -> str:
        return (
            f"block {self.block}: tensor {self.tensor!r} has scale_bits {self.got}, "
            f"the chain needs {self.expected}"
        )


@dataclass(eq=False)
class BoundaryMismatch(CircuitError):
    """Two sides of one boundary read different integers."""

    tensor: str
    block: int
    index: int
    expected: int
    got: int
    hint = "this is a defect of the plan: report it with the model, or move the cut"

    def message(self) -> str:
        return (
            f"boundary {self.tensor!r}: block {self.block} reads {self.got} at element "
            f"{self.index}, the producer wrote {self.expected}"
        )


@dataclass(eq=False)
class OutOfRange(CircuitError):
    """Values of this input leave the range that the circuit was calibrated for."""

    block: int
    what: str
    expected: tuple[int, int]
    got: tuple[int, int]
    hint = "build again with calibration data that covers such inputs, or a larger --margin"

    def message(self) -> str:
        return (
            f"block {self.block}: {self.what} spans {self.got[0]}..{self.got[1]}, "
            f"allowed is {self.expected[0]}..{self.expected[1]}"
        )


@dataclass(eq=False)
class AccuracyMissed(CircuitError):
    """No scale reaches the error that was asked for."""

    target: float
    best: float
    scale_bits: int
    hint = "relax --target-error, or look at the boundaries in `accuracy.json`"

    def message(self) -> str:
        return (
            f"the target error {self.target:g} is out of reach: {self.best:g} at "
            f"scale_bits {self.scale_bits}"
        )


# --- SetupError --------------------------------------------------------------------------------


@dataclass(eq=False)
class MissingSrs(SetupError):
    """No SRS of the needed size and kind in the cache."""

    logrows: int
    hint = "`zkdps srs make --logrows K` (development) or `zkdps srs import FILE` (ceremony)"

    def message(self) -> str:
        return f"no SRS with logrows {self.logrows} in the cache"


@dataclass(eq=False)
class MalformedSrs(SetupError):
    """A file is not a structured reference string."""

    path: str
    reason: str
    hint = "fetch the ceremony file again and compare its published digest"

    def message(self) -> str:
        return f"{self.path} is not a valid SRS: {self.reason}"


@dataclass(eq=False)
class WrongSrs(SetupError):
    """The SRS at hand is not the one that the keys were made with."""

    expected: str
    got: str
    hint = "`zkdps srs list` shows digests; import the one named in the key"

    def message(self) -> str:
        return f"the SRS digest is {self.got}, the key names {self.expected}"


@dataclass(eq=False)
class StalePackage(SetupError):
    """A model package misses a file or holds one that does not match its record."""

    path: str
    reason: str
    hint = "run `zkdps build` with the same arguments: it redoes only what is missing"

    def message(self) -> str:
        return f"package {self.path}: {self.reason}"


@dataclass(eq=False)
class PackageBusy(SetupError):
    """Another process holds the package."""

    path: str
    hint = "wait for the other build or prove, then run the same command again"

    def message(self) -> str:
        return f"another zkdps process is working in {self.path}"


@dataclass(eq=False)
class StorageFailed(SetupError):
    """Writing failed: disk full, read-only, quota."""

    path: str
    reason: str
    hint = "free space (`zkdps doctor` shows how much), then run the same command: it resumes"

    def message(self) -> str:
        return f"cannot write {self.path}: {self.reason}"


# --- ProofError --------------------------------------------------------------------------------


@dataclass(eq=False)
class ProverFailed(ProofError):
    """The back end refused or failed with an error of its own."""

    block: int
    step: str
    reason: str
    hint = "`zkdps doctor` checks the installation; the reason above is the back end's own"

    def message(self) -> str:
        return f"block {self.block}: {self.step} failed: {self.reason}"


@dataclass(eq=False)
class ProverPanicked(ProofError):
    """The back end's native code panicked."""

    block: int
    step: str
    reason: str
    hint = "this is a defect of the back end: move the cut or change the scale, and report it"

    def message(self) -> str:
        return f"block {self.block}: {self.step} panicked in native code: {self.reason}"


@dataclass(eq=False)
class ProverKilled(ProofError):
    """A prover process was killed, most often for memory."""

    block: int
    step: str
    signal: int
    peak_rss_bytes: int
    limit_bytes: int | None = None
    """Of memory, where going above it was the reason."""
    hint = "`zkdps plan --max-ram` cuts smaller blocks; the same command resumes at this block"

    def message(self) -> str:
        return (
            f"block {self.block}: {self.step} was killed by signal {self.signal} at "
            f"{self.peak_rss_bytes / 1e6:.0f} MB{self._why()}"
        )

    def _why(self) -> str:
        return "" if self.limit_bytes is None else f", the limit is {self.limit_bytes / 1e6:.0f} MB"


@dataclass(eq=False)
class ProverTimedOut(ProofError):
    """A prover process ran past its limit and was stopped."""

    block: int
    step: str
    limit_s: float
    hint = "raise --timeout, or cut the block smaller; the same command resumes at this block"

    def message(self) -> str:
        return f"block {self.block}: {self.step} ran past {self.limit_s:g} s"


# --- RunError ----------------------------------------------------------------------------------


@dataclass(eq=False)
class CheckFailed(RunError):
    """One of the numbered checks of `zkdps.core.checks` failed: the run is not verified."""

    check: int
    reason: str
    block: int | None = None
    tensor: str | None = None
    expected: str | None = None
    got: str | None = None
    hint = "`zkdps inspect FILE` shows what the file claims; do not rely on it"

    def message(self) -> str:
        where = "" if self.block is None else f" (block {self.block})"
        pair = "" if self.expected is None else f": expected {self.expected}, got {self.got}"
        return f"check {self.check} failed{where}: {self.reason}{pair}"

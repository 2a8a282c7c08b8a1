"""What the workflows take and return, beyond the core's records.

Reports are for rendering: `to_json` of each gives the object that `--json` prints, where floats are
fine because no digest is taken of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from zkdps.core.checks import Outcome
from zkdps.core.errors import CheckFailed
from zkdps.core.model_key import ModelKey
from zkdps.core.plan import Cost, Plan
from zkdps.core.run import Run
from zkdps.core.statement import Coverage, Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zkdps.provers.sumcheck.bounds import BoundRow


@dataclass(frozen=True, slots=True)
class Machine:
    """Where provers run, and what they may take."""

    cache: Path
    """The user's cache folder: SRS files, cost constants of this machine."""
    timeout_s: float = 3600.0
    """Limit of each back-end call."""
    memory_bytes: int | None = None
    """Limit of each prover process; `None` leaves it to the operating system."""
    jobs: int | None = None
    """Worker processes at a time, where a back end can use several; `None`: as many as cores."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """How a model is to be cut; at most one of the ways, none means by this machine's memory."""

    blocks: int | None = None
    """So many blocks."""
    tensors: tuple[str, ...] = ()
    """Exactly after these tensors, or before and after torch modules of these names."""
    max_ram_bytes: int | None = None
    """Fewest blocks such that proving none takes more memory than this."""
    max_s: float | None = None
    """Fewest blocks such that proving none takes more CPU seconds than this."""


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """One line of a plan."""

    operators: Mapping[str, int]
    """Operator name to how often it stands in the block."""
    cost: Cost


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What `plan` found, before anything is built."""

    plan: Plan
    blocks: tuple[PlannedBlock, ...]
    scale_bits: int
    rewrites: tuple[str, ...]
    """One line per rewrite of the graph."""
    is_measured: bool
    """Whether the seconds come from probes of this machine, or from another one's constants."""
    prover: str = "ezkl"
    """Name of the back end that the costs are of."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What `build` made."""

    package: Path
    key_path: Path
    key: ModelKey
    accuracy: Mapping[str, object]
    """The accuracy report, as in the package's `calibrated/accuracy.json`."""


@dataclass(frozen=True, slots=True)
class ProveReport:
    """What `prove` made of one input."""

    run_path: Path
    run: Run
    plan: Plan
    outputs: Mapping[str, NDArray[np.float64]]
    """The proven outputs, dequantised: what the user gets."""


@dataclass(frozen=True, slots=True)
class BlockVerdict:
    """One block of a verified run."""

    name: str
    coverage: Coverage
    usage: Usage | None
    """What proving took, by the operator's word."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verified run; there is no verdict of a run that failed a check, that is an error."""

    key: ModelKey
    run: Run
    outcomes: tuple[Outcome, ...]
    """Checks 1 to 11, in order."""
    blocks: tuple[BlockVerdict, ...]
    """One a block, in the plan's order."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file says of itself; nothing of it was verified."""

    path: Path
    kind: str
    """`model key`, `run`, `ONNX model` or `model package`."""
    facts: Mapping[str, object]
    """JSON-able, in reading order."""
    problem: str | None = None
    """Where reading stopped, if it did."""


@dataclass(frozen=True, slots=True)
class BlockBounds:
    """The static bounds of one block's relations."""

    name: str
    sha256: str
    """Of the table, as the model key names it."""
    rows: tuple[BoundRow, ...]


@dataclass(frozen=True, slots=True)
class BoundsReport:
    """What was proven of the relations of a package when it was built, and holds."""

    package: Path
    key_digest: str
    blocks: tuple[BlockBounds, ...]
    """In the plan's order."""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One recomputed part of a key."""

    what: str
    expected: str
    """The digest that the key names."""
    got: str
    """The digest recomputed from the model."""

    @property
    def agrees(self) -> bool:
        """Whether they are equal."""
        return self.expected == self.got


@dataclass(frozen=True, slots=True)
class AuditReport:
    """A key recomputed from its model, part by part; all of them agree."""

    key_digest: str
    lines: tuple[AuditLine, ...]


@dataclass(frozen=True, slots=True)
class SrsFile:
    """One SRS in the cache."""

    path: Path
    logrows: int
    kind: str
    source: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`."""

    subject: str
    is_fine: bool
    is_needed: bool
    """Whether zkdps cannot work at all without it."""
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class WarmReport:
    """Kernels that are ready to prove."""

    seconds: float
    """What compiling or loading them took."""
    was_warm: bool
    """Whether machine code was there before."""


@dataclass(frozen=True, slots=True)
class DemoReport:
    """One demo, from plan to verdict."""

    plan: PlanReport
    build: BuildReport
    prove: ProveReport
    verdict: Verdict
    image: NDArray[np.float32] | None = None
    """The digit shown, `(rows, columns)` float32 in 0..1, where the demo has one."""
    expected: str = ""
    """What the data says the answer is."""
    predicted: str = ""
    """What the proven output says."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Stage to wall seconds."""


@dataclass(frozen=True, slots=True)
class PageReport:
    """A page that was written, and what it says."""

    path: Path
    is_of_run: bool
    """Whether it is of a run, or of a model key by itself."""
    is_development: bool
    """Whether everybody could have forged what it shows: the key's SRS is for development."""
    key_digest: str | None
    """`None` where the key could not be read."""
    run_id: str | None
    """`None` on a key's page, and where the run could not be read."""
    outcomes: tuple[Outcome, ...]
    """Of the checks that were reached and hold."""
    failure: CheckFailed | None
    """The check that failed; without one a run's page says that it is verified."""

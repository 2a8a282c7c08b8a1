"""What a page is made of: the records that a workflow gathered, whether the run held or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkdps.core.checks import TITLES, Outcome, Status
from zkdps.core.errors import CheckFailed
from zkdps.core.model_key import ModelKey
from zkdps.core.policy import Policy
from zkdps.core.prover import Strength
from zkdps.core.run import Run
from zkdps.core.srs import SrsKind

if TYPE_CHECKING:
    # Who gives no package never loads what reads one.
    from zkdps.calibration.accuracy import AccuracyReport

SRS_CHECK = 3
BLOCKS_CHECK = 4
PROOFS_CHECK = 5
BOUNDARIES_CHECK = 6
INPUT_CHECK = 7
OUTPUT_CHECK = 8


@dataclass(frozen=True, slots=True)
class RunFindings:
    """One verification of a run, ended by the first check that failed or by none."""

    run: Run | None
    """`None` where check 1 failed."""
    key: ModelKey | None
    """`None` where check 1 failed."""
    outcomes: tuple[Outcome, ...]
    """Of the checks before the failed one, in order; of all eleven without one."""
    failure: CheckFailed | None
    policy: Policy
    accuracy: AccuracyReport | None
    """The package's report, if a package was given; it agrees with the key."""
    version: str
    """Of the zkdps that verified."""
    strength: Strength | None = None
    """What proofs under the key are worth, where that is counted in bits."""

    def __post_init__(self) -> None:
        """Raises `ValueError` unless it failed or every check is there: no page calls less good."""
        seen = [outcome.check for outcome in self.outcomes]
        complete = seen == list(TITLES) and self.run is not None and self.key is not None
        if self.failure is None and not complete:
            raise ValueError(f"no failure, and yet only checks {seen}")
        if self.failure is not None and self.failure.check in seen:
            raise ValueError(f"check {self.failure.check} passed and failed")

    @property
    def is_verified(self) -> bool:
        """Whether every check held."""
        return self.failure is None

    def outcome(self, check: int) -> Outcome | None:
        """How a check ended; `None` for the failed one and those after it."""
        return next((found for found in self.outcomes if found.check == check), None)

    def passed(self, check: int) -> bool:
        """Whether a check was reached and holds."""
        found = self.outcome(check)
        return found is not None and found.status is Status.PASSED

    @property
    def fits_plan(self) -> bool:
        """Whether the run's receipts are known to be the plan's blocks, one by one."""
        return self.passed(BLOCKS_CHECK)

    @property
    def is_development(self) -> bool:
        """Whether the key says that everybody knows its SRS's secret."""
        return self.key is not None and _is_development(self.key)


@dataclass(frozen=True, slots=True)
class KeyFindings:
    """A model key by itself; only its SRS (check 3) can be checked without a run."""

    key: ModelKey
    srs: Outcome | CheckFailed
    """How check 3 ended."""
    accuracy: AccuracyReport | None
    """As in `RunFindings`."""
    version: str
    """Of the zkdps that made the page."""
    strength: Strength | None = None
    """As in `RunFindings`."""

    @property
    def is_development(self) -> bool:
        """As in `RunFindings`."""
        return _is_development(self.key)


def _is_development(key: ModelKey) -> bool:
    return key.srs is not None and key.srs.kind is SrsKind.DEVELOPMENT

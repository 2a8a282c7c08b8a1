"""What an auditor demands beyond the checks that always hold."""

from __future__ import annotations

from dataclasses import dataclass

from zkdps.core.statement import Coverage

_RANK = {Coverage.UNVERIFIED: 0, Coverage.AGREED: 1, Coverage.PROVED: 2}


@dataclass(frozen=True, slots=True)
class Policy:
    """Demands of one verification; the default is the strictest about coverage."""

    coverage: Coverage = Coverage.PROVED
    """Least evidence that every block must have; `unverified` is not a policy."""
    key_digest: str | None = None
    """The model key that the auditor trusts, SHA-256 hex (check 2)."""
    production_srs: bool = False
    """Refuse a development SRS (check 3)."""
    input_required: bool = False
    """Refuse to leave check 7 open when no input is given."""
    output_required: bool = False
    """Refuse to leave check 8 open when no output is given."""

    independent: bool = False
    """Check every proof with the reference verifier too; disagreement is a failure (check 5)."""

    def __post_init__(self) -> None:
        if self.coverage is Coverage.UNVERIFIED:
            raise ValueError("a policy that demands nothing verifies nothing")

    def allows(self, coverage: Coverage) -> bool:
        """Whether evidence of this rank meets the demand."""
        return _RANK[coverage] >= _RANK[self.coverage]

"""Every flaw, by theme; importing this package fills `FLAWS`."""

from __future__ import annotations

from tests.vectors.flaws import archives as archives
from tests.vectors.flaws import chain as chain
from tests.vectors.flaws import claims as claims
from tests.vectors.flaws import commitments as commitments
from tests.vectors.flaws import json_texts as json_texts
from tests.vectors.flaws import keys as keys
from tests.vectors.flaws import manifests as manifests
from tests.vectors.flaws import proofs as proofs
from tests.vectors.flaws import srs as srs
from tests.vectors.flaws.registry import FLAWS

__all__ = ["FLAWS"]

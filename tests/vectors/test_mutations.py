"""Thousands of random changes of runs and keys: none is accepted, but where nothing is claimed.

What a verdict does not cover is listed here, and only that may change:

- of a run, `UNCOVERED_OF_RUNS`: the operator's word about what proving took;
- of a key whose digest the auditor pinned, nothing;
- of a key that nobody pinned, `UNCOVERED_OF_KEYS`: its publisher's descriptions, which `key audit`
  recomputes from the model, and bytes that no verifier reads.

`ZKDPS_MUTATIONS` sets how many there are, `ZKDPS_MUTATIONS_SEED` which.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.vectors.mutations import (
    Change,
    changed_bytes,
    changed_key,
    changed_run,
    first_difference,
)
from tests.vectors.record import HOME
from tests.vectors.stored import Stored
from zkdps.core.canonical import sha256_hex
from zkdps.core.errors import CheckFailed, ZkdpsError
from zkdps.core.policy import Policy
from zkdps.workflows.archive import encode_archive
from zkdps.workflows.reports import Machine
from zkdps.workflows.verify import verify

QUICK, MANY = 240, 2400
SEED = int(os.environ.get("ZKDPS_MUTATIONS_SEED", "1"))
BASES = ("honest_polycommit", "honest_poseidon", "honest_public", "honest_with_tensors")

UNCOVERED_OF_RUNS = (r"receipts\.\*\.usage(\..*)?",)
DESCRIPTIONS = (
    r"model(\..*)?",
    r"accuracy(\..*)?",
    r"tools(\..*)?",
    r"srs\.source",
    r"srs\.digests(\..*)?",
    r"blocks\.\*\.(name|onnx_sha256)",
    r"blocks\.\*\.parameters(\..*)?",
    # The order in which they are listed; a block names its own.
    r"inputs\.\*",
    r"tensors\.\*",
    # Inner tensors: circuits fix them.  Those of given inputs and outputs are compared.
    r"tensors\.\*\.shape(\..*)?",
)
UNREAD = (
    # For contracts; the workflow reads the verifying key.
    r"blocks/\d+/vka\.bin",
    # Settings describe the circuit that the verifying key fixes; `READ_SETTINGS` decide.
    r"blocks/\d+/settings\.json:.*",
)
READ_SETTINGS = re.compile(
    r".*:(run_args(\.logrows|\.(in|out)put_visibility(\.Hashed(\.hash_is_public|\.outlets)?)?)?"
    r"|module_sizes(\.polycommit)?|model_instance_shapes|required_range_checks)"
)
"""What of the settings decides how a proof is read.  The rest (layout, scales, tables) says what
the commitments in the verifying key fix."""
UNCOVERED_OF_KEYS = DESCRIPTIONS + UNREAD
SELECTORS_BYTES = {"polycommit": 11 * 512, "poseidon": 14 * 512, "public": 11 * 512}
"""Bitmaps of 2**12 rows at the end of a verifying key: where selectors are on, which the
commitments before them fix."""
UNREAD_SRS_BYTES = range(4 + 64, 4 + 4 * 64)
"""[s]₁ and the Lagrange points: a verifier reads [1]₁, [1]₂ and [s]₂."""


def test_few(tmp_path: Path, machine: Machine, one_worker: object) -> None:
    Trial(tmp_path, machine).all(int(os.environ.get("ZKDPS_MUTATIONS", QUICK)))


@pytest.mark.slow
def test_many(tmp_path: Path, machine: Machine, one_worker: object) -> None:
    tried = Trial(tmp_path, machine).all(int(os.environ.get("ZKDPS_MUTATIONS", MANY)))
    assert tried["accepted run"] > 0, "no harmless change was accepted: is anything?"
    assert {f"check {check}" for check in (1, 2, 3, 4, 5, 7, 8)} <= set(tried), tried


class Trial:
    """Changes files at random and verifies them."""

    def __init__(self, folder: Path, machine: Machine) -> None:
        self._run, self._key = folder / "run.zkrun", folder / "key.zkvk"
        self._machine = machine
        self._stored = Stored()
        self._rng = Random(SEED)
        self._seen: Counter[str] = Counter()

    def all(self, count: int) -> Counter[str]:
        """`count` changes; how each ended."""
        shares: dict[Callable[[str], None], float] = {
            self.raw_run: 0.4,
            self.raw_key: 0.15,
            self.pinned_key: 0.1,
            self.deep_run: 0.25,
            self.unpinned_key: 0.1,
        }
        for change, share in shares.items():
            for _ in range(round(count * share)):
                change(self._rng.choice(BASES))
        return self._seen

    def raw_run(self, base: str) -> None:
        """Bytes of a run file: never accepted."""
        data = self._stored.vector(base).run
        changed = changed_bytes(self._rng, data)
        assert not self._accepts(base, changed, self._key_of(base)), (
            base,
            first_difference(data, changed),
        )

    def raw_key(self, base: str) -> None:
        """Bytes of a key file, pinned or not: never accepted."""
        data = self._key_of(base)
        changed = changed_bytes(self._rng, data)
        pinned = self._rng.random() < 0.5
        assert not self._accepts(base, self._stored.vector(base).run, changed, pinned), (
            base,
            first_difference(data, changed),
        )

    def pinned_key(self, base: str) -> None:
        """A consistent other key with a run bound to it, under the pinned digest: never."""
        run, key, change = self._other_key(base)
        assert not self._accepts(base, run, key, pinned=True), (base, change)

    def deep_run(self, base: str) -> None:
        """A consistent other run: accepted only where nothing is claimed."""
        members, change = changed_run(self._rng, self._stored.run(base).members())
        if self._accepts(base, encode_archive(members), self._key_of(base)):
            self._seen["accepted run"] += 1
            assert _matches(change.where, UNCOVERED_OF_RUNS), (base, change)

    def unpinned_key(self, base: str) -> None:
        """A consistent other key with a run bound to it: accepted only if described otherwise."""
        run, key, change = self._other_key(base)
        if self._accepts(base, run, key, pinned=False):
            self._seen["accepted key"] += 1
            assert _is_uncovered(change, self._key_name(base), self._size(base, change)), (
                base,
                change,
            )

    def _accepts(self, base: str, run: bytes, key: bytes, pinned: bool = True) -> bool:
        call = self._stored.vector(base).call
        self._run.write_bytes(run)
        self._key.write_bytes(key)
        try:
            verify(
                self._run,
                self._key,
                inputs=HOME / call.inputs if call.inputs else None,
                outputs=HOME / call.outputs if call.outputs else None,
                policy=Policy(key_digest=call.key_digest if pinned else None),
                machine=self._machine,
            )
        except CheckFailed as error:
            self._seen[f"check {error.check}"] += 1
            return False
        except ZkdpsError as error:
            self._seen[type(error).__name__] += 1
            return False
        return True

    def _other_key(self, base: str) -> tuple[bytes, bytes, Change]:
        key = self._stored.key(self._key_name(base))
        members, change = changed_key(self._rng, key.members())
        digest = sha256_hex(members["manifest.json"])
        run = replace(self._stored.run(base), key_digest=digest)
        run = replace(run, run_id=run.computed_id)
        return encode_archive(run.members()), encode_archive(members), change

    def _key_name(self, base: str) -> str:
        return Path(self._stored.vector(base).call.key).stem

    def _key_of(self, base: str) -> bytes:
        return (HOME / self._stored.vector(base).call.key).read_bytes()

    def _size(self, base: str, change: Change) -> int:
        return len(self._stored.key(self._key_name(base)).members().get(change.where, b""))


def _matches(where: str, patterns: tuple[str, ...]) -> bool:
    return any(re.fullmatch(pattern, where) for pattern in patterns)


def _is_uncovered(change: Change, key_name: str, size_bytes: int) -> bool:
    if change.at is not None and change.where.endswith("vk.key"):
        return change.at >= size_bytes - SELECTORS_BYTES[key_name]
    if change.at is not None and change.where.startswith("trust/"):
        return change.at in UNREAD_SRS_BYTES
    if READ_SETTINGS.fullmatch(change.where):
        return False
    return _matches(change.where, UNCOVERED_OF_KEYS)

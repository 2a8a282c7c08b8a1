"""The numbered checks of a run.  Success is silence plus a report; failure raises `CheckFailed`.

1. The run and key files are well-formed, in bounds, of a known version, and the run's id is the
   digest of what it claims (`parse_key`, `parse_run`).
2. The run names this model key, and the key is the one that the auditor trusts, if given.
3. The SRS is the one named in the key; a development SRS is announced, and refused on demand.
4. Every block of the plan is covered exactly once, in order, over its own tensors; nothing foreign.
5. Each proof verifies against its block's verifying key.  No proof is ever skipped.
6. Each boundary: the producer's output commitment equals every consumer's input commitment.
7. The run's input: the commitment of the input that the auditor has equals the first blocks'.
8. The run's output: likewise, and the claimed reals are the proven integers over their scale.
9. Each CDV receipt.  Runs of version 1 have none.
10. Signatures of executors.  Runs of version 1 have none.
11. Coverage meets the policy.  A run is verified if and only if all of this holds.

Functions here are pure: what needs a back end (5, 7, 8) comes in as a callable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from zkdps.core.canonical import sha256_hex
from zkdps.core.errors import CheckFailed, MalformedTensor
from zkdps.core.model_key import ModelKey
from zkdps.core.plan import MODEL, TensorSpec
from zkdps.core.policy import Policy
from zkdps.core.run import Run
from zkdps.core.srs import SrsKind
from zkdps.core.statement import Commitment, Coverage, Link

if TYPE_CHECKING:
    from zkdps.core.fixed_point import FixedTensor

PROOFS = 5

TITLES: Mapping[int, str] = {
    1: "files are well-formed",
    2: "the run is of this model key",
    3: "the SRS is the key's",
    4: "every block is covered exactly once",
    5: "every proof verifies",
    6: "boundaries are linked",
    7: "the input is the auditor's",
    8: "the output is what was claimed",
    9: "CDV receipts hold",
    10: "executors signed",
    11: "coverage meets the policy",
}


class Status(StrEnum):
    """How a check of a verified run ended."""

    PASSED = "passed"
    OPEN = "open"
    """Nothing was given to check against: the verdict does not speak of it."""
    ABSENT = "absent"
    """The run holds nothing of the kind."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One check of a verified run."""

    check: int
    status: Status
    detail: str

    @property
    def title(self) -> str:
        """What the check says, in a few words."""
        return TITLES[self.check]


RecogniseDevelopment = Callable[[Mapping[str, bytes]], bool]
"""A key's `trust` members to whether their SRS is the development SRS (`Prover.is_development`)."""

CommitTensor: TypeAlias = "Callable[[int, TensorSpec, FixedTensor], Commitment]"
"""(block index whose key material serves, tensor, integers) to the commitment that they have."""


def check_key(key: ModelKey, run: Run, policy: Policy) -> Outcome:
    """Check 2."""
    if policy.key_digest is not None and policy.key_digest != key.digest:
        raise CheckFailed(
            2, "this is not the key you trust", expected=policy.key_digest, got=key.digest
        )
    if run.key_digest != key.digest:
        raise CheckFailed(
            2, "the run was proved under another key", expected=key.digest, got=run.key_digest
        )
    if policy.key_digest is None:
        return Outcome(2, Status.PASSED, "no --key-digest given: the key file itself is trusted")
    return Outcome(2, Status.PASSED, "the key has the digest you trust")


def check_srs(
    key: ModelKey, policy: Policy, recognise: RecogniseDevelopment, *, needs_srs: bool
) -> Outcome:
    """Check 3; `needs_srs` is whether the key's back end rests on one."""
    if key.srs is None:
        # A key must not slip past a demand for a ceremony by not naming its SRS.
        if needs_srs:
            raise CheckFailed(
                3, f"the key names no SRS, {key.prover} needs one", expected="an SRS", got="none"
            )
        return Outcome(3, Status.ABSENT, f"{key.prover} needs no SRS")
    digests = {sha256_hex(data) for data in key.trust.values()}
    if digests != {key.srs.verifier_sha256}:
        raise CheckFailed(
            3,
            "the key carries another SRS than it names",
            expected=key.srs.verifier_sha256,
            got=", ".join(sorted(digests)) or "none",
        )
    is_development = recognise(key.trust)
    if is_development != (key.srs.kind is SrsKind.DEVELOPMENT):
        raise CheckFailed(
            3,
            "the kind of the SRS is not what the key says",
            expected=str(SrsKind.DEVELOPMENT if is_development else SrsKind.CEREMONY),
            got=str(key.srs.kind),
        )
    if is_development and policy.production_srs:
        raise CheckFailed(
            3,
            "a development SRS, whose secret is public, is not accepted here",
            expected=str(SrsKind.CEREMONY),
            got=str(SrsKind.DEVELOPMENT),
        )
    if is_development:
        return Outcome(3, Status.PASSED, "DEVELOPMENT SRS: anybody can forge proofs under this key")
    return Outcome(3, Status.PASSED, f"ceremony SRS: {key.srs.source}")


def check_blocks(key: ModelKey, run: Run) -> Outcome:
    """Check 4."""
    covered = [receipt.statement.block for receipt in run.receipts]
    expected = [block.index for block in key.plan.blocks]
    for index in expected:
        if covered.count(index) != 1:
            word = "missing" if index not in covered else "covered more than once"
            raise CheckFailed(
                4,
                f"block {index} is {word}",
                block=index,
                expected="1",
                got=str(covered.count(index)),
            )
    if covered != expected:
        raise CheckFailed(
            4, "receipts are foreign or out of order", expected=str(expected), got=str(covered)
        )
    specs = key.plan.specs
    for receipt, block in zip(run.receipts, key.plan.blocks, strict=True):
        statement = receipt.statement
        for side, commitments, names in (
            ("inputs", statement.inputs, block.inputs),
            ("outputs", statement.outputs, block.outputs),
        ):
            if len(commitments) != len(names):
                raise CheckFailed(
                    4,
                    f"the statement has the wrong number of {side}",
                    block=block.index,
                    expected=str(len(names)),
                    got=str(len(commitments)),
                )
            for commitment, name in zip(commitments, names, strict=True):
                _check_link(key.link, block.index, specs[name], commitment)
    for claimed, names, side in (
        (run.input_digests, key.plan.inputs, "inputs"),
        (run.output_digests, key.plan.outputs, "outputs"),
    ):
        if set(claimed) != set(names):
            raise CheckFailed(
                4,
                f"the run claims other {side}",
                expected=str(sorted(names)),
                got=str(sorted(claimed)),
            )
    foreign = set(run.tensors) - set(key.plan.inputs) - set(key.plan.outputs)
    if foreign:
        raise CheckFailed(4, f"the run carries a foreign tensor {min(foreign)!r}")
    return Outcome(4, Status.PASSED, f"{len(expected)} blocks, each proved once")


def _check_link(link: Link, block: int, spec: TensorSpec, commitment: Commitment) -> None:
    if commitment.link is not link:
        raise CheckFailed(
            4,
            f"tensor {spec.name!r} is committed to by another scheme",
            block=block,
            tensor=spec.name,
            expected=str(link),
            got=str(commitment.link),
        )
    if link is Link.PUBLIC and len(commitment.value) != 8 * spec.size:
        raise CheckFailed(
            4,
            f"tensor {spec.name!r} has another size",
            block=block,
            tensor=spec.name,
            expected=str(8 * spec.size),
            got=str(len(commitment.value)),
        )


def check_boundaries(key: ModelKey, run: Run) -> Outcome:
    """Check 6.  A model input's commitment must be the same in every block that reads it."""
    producers = key.plan.producers
    made: dict[str, Commitment] = {}
    for receipt, block in zip(run.receipts, key.plan.blocks, strict=True):
        for name, commitment in zip(block.inputs, receipt.statement.inputs, strict=True):
            if producers[name] == MODEL:
                made.setdefault(name, commitment)
            if made[name] != commitment:
                raise CheckFailed(
                    6,
                    f"block {block.index} read another {name!r} than "
                    + _producer(producers[name], block.index),
                    block=block.index,
                    tensor=name,
                    expected=str(made[name]),
                    got=str(commitment),
                )
        made.update(zip(block.outputs, receipt.statement.outputs, strict=True))
    count = sum(len(boundary.tensors) for boundary in key.plan.boundaries)
    return Outcome(6, Status.PASSED, f"{count} tensors over {len(key.plan.boundaries)} boundaries")


def _producer(index: int, consumer: int) -> str:
    return f"block {index} wrote" if index != MODEL else f"the blocks before {consumer} did"


def check_input(
    key: ModelKey,
    run: Run,
    given: Mapping[str, FixedTensor] | None,
    commit: CommitTensor,
    policy: Policy,
) -> Outcome:
    """Check 7."""
    return _check_ends(7, key, run, given, commit, policy.input_required)


def check_output(
    key: ModelKey,
    run: Run,
    given: Mapping[str, FixedTensor] | None,
    commit: CommitTensor,
    policy: Policy,
) -> Outcome:
    """Check 8; `given` was read by `fixed_point.exact_integers`, which refuses inexact reals."""
    return _check_ends(8, key, run, given, commit, policy.output_required)


def _check_ends(
    check: int,
    key: ModelKey,
    run: Run,
    given: Mapping[str, FixedTensor] | None,
    commit: CommitTensor,
    required: bool,
) -> Outcome:
    side, names, claimed = (
        ("input", key.plan.inputs, run.input_digests)
        if check == 7
        else ("output", key.plan.outputs, run.output_digests)
    )
    # Imported here: verifying starts its workers before it imports numpy.
    from zkdps.core.fixed_point import from_bytes

    carried = {name: run.tensors[name] for name in names if name in run.tensors}
    for name, data in carried.items():
        try:
            tensor = from_bytes(data, key.plan.specs[name])
        except MalformedTensor as error:
            raise CheckFailed(check, f"carried tensor: {error}", tensor=name) from error
        _check_end(check, key, run, name, claimed[name], tensor, commit)
    for name, tensor in (given or {}).items():
        _check_end(check, key, run, name, claimed[name], tensor, commit)
    if key.link is Link.PUBLIC:
        for name in names:
            block, commitment = _end_commitment(key, run, name)
            _check_claim(check, block, name, claimed[name], sha256_hex(commitment.value))
    if given is not None and set(given) == set(names):
        return Outcome(check, Status.PASSED, f"the {side} you gave is the one proved")
    if set(carried) == set(names) and not required:
        return Outcome(check, Status.PASSED, f"the {side} carried in the run is the one proved")
    if required:
        raise CheckFailed(check, f"your policy demands the {side}, and you gave none")
    return Outcome(
        check, Status.OPEN, f"no {side} given: the verdict says nothing about its values"
    )


def _check_end(
    check: int,
    key: ModelKey,
    run: Run,
    name: str,
    claimed_sha256: str,
    tensor: FixedTensor,
    commit: CommitTensor,
) -> None:
    block, commitment = _end_commitment(key, run, name)
    try:
        expected = commit(block, key.plan.specs[name], tensor)
    except CheckFailed as error:
        if error.check == PROOFS:
            # The key's material is at fault, not the values.
            raise
        raise replace(error, check=check, block=block, tensor=name) from error
    if expected != commitment:
        raise CheckFailed(
            check,
            f"the values of {name!r} are not those the run proved",
            block=block,
            tensor=name,
            expected=str(expected),
            got=str(commitment),
        )
    _check_claim(check, block, name, claimed_sha256, tensor.sha256)


def _check_claim(check: int, block: int, name: str, claimed_sha256: str, sha256: str) -> None:
    if claimed_sha256 != sha256:
        raise CheckFailed(
            check,
            f"the run claims another digest of {name!r}",
            block=block,
            tensor=name,
            expected=sha256,
            got=claimed_sha256,
        )


def _end_commitment(key: ModelKey, run: Run, name: str) -> tuple[int, Commitment]:
    for receipt, block in zip(run.receipts, key.plan.blocks, strict=True):
        if name in block.outputs:
            return block.index, receipt.statement.outputs[block.outputs.index(name)]
        if name in key.plan.inputs and name in block.inputs:
            return block.index, receipt.statement.inputs[block.inputs.index(name)]
    raise AssertionError(f"a valid plan has a block for {name!r}")


def check_coverage(key: ModelKey, coverage: Mapping[int, Coverage], policy: Policy) -> Outcome:
    """Check 11."""
    for block in key.plan.blocks:
        if not policy.allows(coverage[block.index]):
            raise CheckFailed(
                11,
                "the evidence is weaker than your policy demands",
                block=block.index,
                expected=str(policy.coverage),
                got=str(coverage[block.index]),
            )
    counts = [
        f"{sum(found is kind for found in coverage.values())} {kind}"
        for kind in Coverage
        if kind in coverage.values()
    ]
    return Outcome(11, Status.PASSED, ", ".join(counts))

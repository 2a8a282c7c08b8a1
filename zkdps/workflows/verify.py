"""Verify a run: every numbered check, in order, from two files and nothing else.

An auditor needs the run and the model key; no network, no model, no SRS file, no torch and no
onnxruntime.  The checks themselves are pure and live in `zkdps.core.checks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from zkdps.core import checks
from zkdps.core.errors import CheckFailed, InputError, MalformedArchive, MalformedTensor
from zkdps.core.model_key import ModelKey
from zkdps.core.parse_key import parse_key
from zkdps.core.parse_run import parse_run
from zkdps.core.plan import TensorSpec
from zkdps.core.policy import Policy
from zkdps.core.run import Run, commitments, proof_context
from zkdps.core.statement import Commitment, Coverage, Receipt
from zkdps.provers import PROVERS, strength_of_key
from zkdps.workflows import independent
from zkdps.workflows.archive import read_archive
from zkdps.workflows.back_end import joint_of, open_prover
from zkdps.workflows.observer import Observer, Silent
from zkdps.workflows.reports import BlockVerdict, Machine, Verdict
from zkdps.workflows.side_by_side import in_order

if TYPE_CHECKING:
    from zkdps.core.fixed_point import FixedTensor
    from zkdps.core.prover import Prover


def verify(
    run: Path,
    key: Path,
    *,
    inputs: Path | None = None,
    outputs: Path | None = None,
    policy: Policy | None = None,
    machine: Machine,
    observer: Observer | None = None,
) -> Verdict:
    """Verify the run in the file `run` under the model key in the file `key`.

    Args:
        run: the run file (`*.zkrun`), untrusted.
        key: the model key file (`*.zkvk`), trusted as far as `policy.key_digest` says.
        inputs: an npz with the input that the auditor knows, one array per model input (check 7).
        outputs: an npz with the output that was claimed, one array per model output (check 8).
        policy: demands beyond the checks that always hold.
        machine: where the back end's verifier runs.
        observer: hears of each proof.

    Returns:
        The verdict, if and only if every check holds.

    Raises:
        CheckFailed: a numbered check failed; exit code 1.
        InputError: a file of the auditor's own cannot be read; exit code 2.
    """
    return verify_parsed(
        *read_run_and_key(run, key),
        inputs=inputs,
        outputs=outputs,
        policy=policy or Policy(),
        machine=machine,
        observer=observer or Silent(),
    )


def read_run_and_key(run: Path, key: Path) -> tuple[Run, ModelKey]:
    """Check 1.

    Raises:
        CheckFailed: check 1, a file is malformed.
        UnreadableFile: a file is not there.
    """
    run_members, key_members = _members(run), _members(key)
    try:
        parsed = parse_run(run_members, str(run)), parse_key(key_members, str(key))
    except InputError as error:
        raise CheckFailed(1, str(error)) from error
    if parsed[1].prover not in PROVERS:
        raise CheckFailed(
            1,
            "the key is of a prover that this release does not know",
            expected=", ".join(sorted(PROVERS)),
            got=parsed[1].prover,
        )
    return parsed


def _members(path: Path) -> dict[str, bytes]:
    try:
        return read_archive(path)
    except MalformedArchive as error:
        raise CheckFailed(1, str(error)) from error


def verify_parsed(
    run: Run,
    key: ModelKey,
    *,
    inputs: Path | None,
    outputs: Path | None,
    policy: Policy,
    machine: Machine,
    observer: Observer,
) -> Verdict:
    """Checks 2 to 11 of files that passed check 1; see `verify`."""
    outcomes = tuple(
        numbered_checks(
            run,
            key,
            inputs=inputs,
            outputs=outputs,
            policy=policy,
            machine=machine,
            observer=observer,
        )
    )
    verdicts = tuple(
        BlockVerdict(block.name, Coverage.PROVED, receipt.proof.usage)
        for block, receipt in zip(key.plan.blocks, run.receipts, strict=True)
    )
    return Verdict(key, run, outcomes, verdicts)


def numbered_checks(
    run: Run,
    key: ModelKey,
    *,
    inputs: Path | None,
    outputs: Path | None,
    policy: Policy,
    machine: Machine,
    observer: Observer,
) -> Iterator[checks.Outcome]:
    """The outcomes of checks 1 to 11, each as soon as it is known.

    The files passed check 1 by being parsed.  A run is verified if and only if this ends without
    raising; who wants to show how far a failed run came keeps what came before the error.

    Raises:
        CheckFailed, InputError: as `verify`.
    """
    yield checks.Outcome(1, checks.Status.PASSED, f"run {run.run_id}")
    proofs = 1 if key.is_joint else len(key.blocks)
    with open_prover(key.prover, machine, standby=proofs) as prover:
        trusted = checks.check_key(key, run, policy)
        check_material(key, prover)
        if key.is_joint:
            joint_of(prover).check_trust(key.trust, [block.material for block in key.blocks])
        yield trusted
        yield checks.check_srs(key, policy, prover.is_development, needs_srs=prover.needs_srs)
        yield checks.check_blocks(key, run)
        # Read before the long part: a mistake in the auditor's own files shows at once.
        given = _read_inputs(key, inputs)
        yield _check_proofs(key, run, prover, policy, observer)
        yield checks.check_boundaries(key, run)

        def commit(block: int, spec: TensorSpec, tensor: FixedTensor) -> Commitment:
            return prover.commit(key.blocks[block].material, key.link, spec, tensor)

        yield checks.check_input(key, run, given, commit, policy)
        yield checks.check_output(key, run, _read_outputs(key, outputs), commit, policy)
    yield checks.Outcome(9, checks.Status.ABSENT, "the run holds no CDV receipts")
    yield checks.Outcome(10, checks.Status.ABSENT, "runs of version 1 are not signed")
    coverage = {receipt.statement.block: Coverage.PROVED for receipt in run.receipts}
    yield checks.check_coverage(key, coverage, policy)


def check_material(key: ModelKey, prover: Prover) -> None:
    """The part of check 2 that needs the back end: every block's material is about its tensors.

    Raises:
        CheckFailed: check 2, naming the block.
    """
    specs = key.plan.specs
    ways: dict[str, str] = {}
    for block, recorded in zip(key.plan.blocks, key.blocks, strict=True):
        try:
            found = prover.check_material(
                recorded.material,
                key.link,
                [specs[name] for name in block.inputs],
                [specs[name] for name in block.outputs],
            )
        except CheckFailed as error:
            raise replace(error, block=block.index) from error
        for name, way in found.items():
            if ways.setdefault(name, way) != way:
                # Equal commitments would not mean equal tensors.
                raise CheckFailed(
                    2,
                    "the key's blocks commit to tensors in different ways",
                    block=block.index,
                    tensor=name,
                    expected=ways[name],
                    got=way,
                )


def _check_proofs(
    key: ModelKey, run: Run, prover: Prover, policy: Policy, observer: Observer
) -> checks.Outcome:
    if policy.independent:
        independent.check_available(key)
    total = len(run.receipts)
    _check_evidence(key, run)
    if key.is_joint:
        _check_joint(key, run, prover, policy, observer)
        return _proofs_hold(key, run, prover, policy, observer, f"a joint proof of {total} blocks")

    def judge(receipt: Receipt) -> None:
        statement = receipt.statement
        context = proof_context(run.run_id, statement.block)
        material = key.blocks[statement.block].material
        prover.verify(material, key.trust, statement, receipt.proof, context)

    with closing(in_order(prover, judge, run.receipts)) as judged:
        for position, (receipt, wait) in enumerate(zip(run.receipts, judged, strict=True), start=1):
            step = f"verify block {receipt.statement.block}"
            observer.started(step, position, total)
            try:
                wait()
            except CheckFailed as error:
                if policy.independent:
                    raise independent.explain_rejection(key, run, receipt, error) from error
                raise
            observer.finished(step, position, total)
    return _proofs_hold(key, run, prover, policy, observer, f"{total} proofs")


def _check_evidence(key: ModelKey, run: Run) -> None:
    """A joint key is for joint proofs only, and only it is."""
    for receipt in run.receipts:
        if receipt.proof.joint != key.is_joint:
            expected, got = (
                "a joint proof" if joint else "a proof of its own"
                for joint in (key.is_joint, receipt.proof.joint)
            )
            raise CheckFailed(
                5,
                "the evidence is not of the kind that the key is for",
                block=receipt.statement.block,
                expected=expected,
                got=got,
            )


def _check_joint(
    key: ModelKey, run: Run, prover: Prover, policy: Policy, observer: Observer
) -> None:
    observer.started("verify the joint proof", 1, 1)
    statements = [receipt.statement for receipt in run.receipts]
    try:
        joint_of(prover).verify(
            key.trust,
            commitments(key.plan, statements),
            run.receipts[0].proof,
            proof_context(run.run_id, None),
        )
    except CheckFailed as error:
        if policy.independent:
            raise independent.explain_rejection(key, run, run.receipts[0], error) from error
        raise
    observer.finished("verify the joint proof", 1, 1)


def _proofs_hold(
    key: ModelKey, run: Run, prover: Prover, policy: Policy, observer: Observer, proofs: str
) -> checks.Outcome:
    """Check 5, once the back end accepts every proof."""
    strength = strength_of_key(key)
    worth = "" if strength is None else f"; {strength}"
    if not policy.independent:
        detail = f"{proofs}, verified by {prover.name}{worth}"
        return checks.Outcome(5, checks.Status.PASSED, detail)
    observer.started("verify independently", 1, 1)
    independent.verify_again(key, run)
    observer.finished("verify independently", 1, 1)
    detail = f"{proofs}, verified by {prover.name} and by the reference verifier{worth}"
    return checks.Outcome(5, checks.Status.PASSED, detail)


def _read_inputs(key: ModelKey, path: Path | None) -> Mapping[str, FixedTensor] | None:
    if path is None:
        return None
    # numpy is imported when workers are under way, and it comes with these.
    from zkdps.core.fixed_point import quantise
    from zkdps.workflows.tensor_files import read_tensors

    arrays = read_tensors(path, key.plan.inputs)
    specs = key.plan.specs
    return {name: quantise(array, specs[name]) for name, array in arrays.items()}


def _read_outputs(key: ModelKey, path: Path | None) -> Mapping[str, FixedTensor] | None:
    if path is None:
        return None
    from zkdps.core.fixed_point import exact_integers
    from zkdps.workflows.tensor_files import read_tensors

    arrays = read_tensors(path, key.plan.outputs)
    specs = key.plan.specs
    try:
        return {name: exact_integers(array, specs[name]) for name, array in arrays.items()}
    except MalformedTensor as error:
        raise CheckFailed(8, str(error), tensor=error.tensor) from error

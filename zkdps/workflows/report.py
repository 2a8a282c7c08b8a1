"""Report: verify a run, or look at a model key, and write what was found as one HTML page."""

from __future__ import annotations

from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from zkdps.core.checks import Outcome, check_srs
from zkdps.core.errors import CheckFailed, StalePackage, UsageConflict
from zkdps.core.model_key import ModelKey
from zkdps.core.parse_key import parse_key
from zkdps.core.policy import Policy
from zkdps.core.prover import Strength
from zkdps.pages.findings import KeyFindings, RunFindings
from zkdps.pages.html import key_page, run_page
from zkdps.provers import strength_of_key
from zkdps.workflows.archive import read_archive
from zkdps.workflows.back_end import open_prover
from zkdps.workflows.observer import Observer, Silent
from zkdps.workflows.reports import Machine, PageReport
from zkdps.workflows.storage import write_bytes
from zkdps.workflows.verify import check_material, numbered_checks, read_run_and_key

if TYPE_CHECKING:
    from zkdps.calibration.accuracy import AccuracyReport


def report(
    run: Path,
    key: Path,
    page: Path,
    *,
    package: Path | None = None,
    inputs: Path | None = None,
    outputs: Path | None = None,
    policy: Policy | None = None,
    machine: Machine,
    observer: Observer | None = None,
) -> PageReport:
    """Verify a run as `verify` does, and write the page of it, also of one that fails a check.

    The page holds no time stamp: the same files and options make the same bytes.

    Args:
        run, key, inputs, outputs, policy, machine, observer: as for `verify`.
        page: the HTML file to write, whole or not at all.
        package: the operator's model package, for the whole accuracy report.

    Returns:
        What the page says.  The run is verified if and only if `failure` is `None`.

    Raises:
        InputError: a file of the auditor's own cannot be read; no page is written.
        StalePackage: the package is not the key's.
        StorageFailed: the page cannot be written.
        ProofError: the back end's verifier did not come to an answer.
    """
    findings = _verified(
        run, key, package, inputs, outputs, policy or Policy(), machine, observer or Silent()
    )
    write_bytes(page, run_page(findings).encode())
    return PageReport(
        page,
        True,
        findings.is_development,
        None if findings.key is None else findings.key.digest,
        None if findings.run is None else findings.run.run_id,
        findings.outcomes,
        findings.failure,
    )


def report_key(
    key: Path, page: Path, *, package: Path | None = None, machine: Machine
) -> PageReport:
    """Write the page of a model key; of the checks, only that of its SRS (3) needs no run.

    Args:
        key: the model key file.
        page, package, machine: as for `report`.

    Raises:
        UsageConflict: the file is a run.
        InputError: the key cannot be read.
        StalePackage, StorageFailed: as `report`.
    """
    members = read_archive(key)
    if any(name.startswith("proofs/") for name in members):
        raise UsageConflict(f"{key} is a run: give the model key to verify it under, with --key")
    parsed = parse_key(members, str(key))
    accuracy = None if package is None else _accuracy(package, parsed)
    srs = _srs_outcome(parsed, machine)
    findings = KeyFindings(parsed, srs, accuracy, _version(), _strength(parsed))
    write_bytes(page, key_page(findings).encode())
    return PageReport(
        page,
        False,
        findings.is_development,
        parsed.digest,
        None,
        (srs,) if isinstance(srs, Outcome) else (),
        srs if isinstance(srs, CheckFailed) else None,
    )


def _verified(
    run: Path,
    key: Path,
    package: Path | None,
    inputs: Path | None,
    outputs: Path | None,
    policy: Policy,
    machine: Machine,
    observer: Observer,
) -> RunFindings:
    try:
        parsed_run, parsed_key = read_run_and_key(run, key)
    except CheckFailed as failure:
        return RunFindings(None, None, (), failure, policy, None, _version())
    accuracy = None if package is None else _accuracy(package, parsed_key)
    outcomes: list[Outcome] = []
    found: CheckFailed | None = None
    try:
        for outcome in numbered_checks(
            parsed_run,
            parsed_key,
            inputs=inputs,
            outputs=outputs,
            policy=policy,
            machine=machine,
            observer=observer,
        ):
            outcomes.append(outcome)
    except CheckFailed as failure:
        found = failure
    return RunFindings(
        parsed_run,
        parsed_key,
        tuple(outcomes),
        found,
        policy,
        accuracy,
        _version(),
        _strength(parsed_key),
    )


def _strength(key: ModelKey) -> Strength | None:
    """`None` also where the material is malformed: check 2 has said so."""
    with suppress(CheckFailed):
        return strength_of_key(key)
    return None


def _srs_outcome(key: ModelKey, machine: Machine) -> Outcome | CheckFailed:
    try:
        with open_prover(key.prover, machine) as prover:
            check_material(key, prover)
            return check_srs(key, Policy(), prover.is_development, needs_srs=prover.needs_srs)
    except CheckFailed as failure:
        return failure


def _accuracy(package: Path, key: ModelKey) -> AccuracyReport:
    # Only who gives a package needs what reads one.
    from zkdps.workflows.step_records import read_accuracy

    found = read_accuracy(package / "calibrated")
    if found.for_key() != key.accuracy:
        raise StalePackage(str(package), "its accuracy report is not the one the key was made with")
    return found


def _version() -> str:
    return metadata.version("zkdps")

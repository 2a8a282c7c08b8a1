"""Every report as the one JSON object that `--json` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from zkdps.core.plan import MODEL

if TYPE_CHECKING:
    from zkdps.core.model_key import ModelKey
    from zkdps.core.plan import Boundary, Plan, TensorSpec
    from zkdps.workflows.reports import (
        AuditReport,
        BoundsReport,
        BuildReport,
        DemoReport,
        Finding,
        Inspection,
        PageReport,
        PlanReport,
        ProveReport,
        SrsFile,
        Verdict,
        WarmReport,
    )

Record = Mapping[str, object]


def of_tensors(tensors: Sequence[TensorSpec]) -> Record:
    """`{"tensors": [...]}`, in the model's order."""
    return {"tensors": [_tensor(tensor) for tensor in tensors]}


def of_plan(report: PlanReport) -> Record:
    """Blocks with operators and predicted costs, boundaries, tensors, rewrites."""
    return {
        "prover": report.prover,
        "scale_bits": report.scale_bits,
        "is_measured": report.is_measured,
        "rewrites": list(report.rewrites),
        "blocks": [
            {
                "index": block.index,
                "name": block.name,
                "inputs": list(block.inputs),
                "outputs": list(block.outputs),
                "operators": dict(planned.operators),
                "cost": asdict(planned.cost),
            }
            for block, planned in zip(report.plan.blocks, report.blocks, strict=True)
        ],
        "boundaries": _boundaries(report.plan),
        **of_tensors(report.plan.tensors),
    }


def of_build(report: BuildReport) -> Record:
    """Where package and key lie, what the key is of, and the accuracy report."""
    return {
        "package": str(report.package),
        "key": str(report.key_path),
        **_key(report.key),
        "accuracy": dict(report.accuracy),
    }


def of_prove(report: ProveReport) -> Record:
    """The run, its blocks' costs, and the dequantised outputs in full."""
    return {
        "run": str(report.run_path),
        "run_id": report.run.run_id,
        "key_digest": report.run.key_digest,
        "blocks": [
            {
                "index": block.index,
                "name": block.name,
                "usage": None if receipt.proof.usage is None else asdict(receipt.proof.usage),
                "proof_bytes": len(receipt.proof.data),
            }
            for block, receipt in zip(report.plan.blocks, report.run.receipts, strict=True)
        ],
        "outputs": dict(report.outputs),
    }


def of_proves(reports: Sequence[ProveReport]) -> Record:
    """`{"runs": [...]}`, in order of the input files' names."""
    return {"runs": [of_prove(report) for report in reports]}


def of_verdict(verdict: Verdict) -> Record:
    """The checks with their outcomes, and what stands behind each block."""
    return {
        "verified": True,
        "run_id": verdict.run.run_id,
        **_key(verdict.key),
        "coverage": dict(Counter(block.coverage.value for block in verdict.blocks)),
        "checks": [
            {
                "check": outcome.check,
                "title": outcome.title,
                "status": outcome.status.value,
                "detail": outcome.detail,
            }
            for outcome in verdict.outcomes
        ],
        "blocks": [
            {
                "index": index,
                "name": block.name,
                "coverage": block.coverage.value,
                "usage": None if block.usage is None else asdict(block.usage),
            }
            for index, block in enumerate(verdict.blocks)
        ],
        "boundaries": _boundaries(verdict.key.plan),
    }


def of_page(report: PageReport) -> Record:
    """Where the page is and what it says; `verified` is null on a model key's page."""
    failure = report.failure
    return {
        "page": str(report.path),
        "verified": failure is None if report.is_of_run else None,
        "run_id": report.run_id,
        "key_digest": report.key_digest,
        "checks": [
            {
                "check": outcome.check,
                "title": outcome.title,
                "status": outcome.status.value,
                "detail": outcome.detail,
            }
            for outcome in report.outcomes
        ],
        "failure": None
        if failure is None
        else {**failure.fields(), "message": failure.message(), "hint": failure.hint},
    }


def of_inspection(inspection: Inspection) -> Record:
    """What the file says of itself; `verified` is always false here."""
    return {
        "verified": False,
        "path": str(inspection.path),
        "kind": inspection.kind,
        "facts": dict(inspection.facts),
        "problem": inspection.problem,
    }


def of_bounds(report: BoundsReport) -> Record:
    """Every relation with what was proven of it; both rules hold for each."""
    return {
        "package": str(report.package),
        "key_digest": report.key_digest,
        "blocks": [
            {
                "index": index,
                "name": block.name,
                "bounds_sha256": block.sha256,
                "relations": [
                    {
                        **asdict(row),
                        "unique": row.unique,
                        "unique_slack_bits": row.unique_slack_bits,
                        "integer": row.integer,
                        "integer_slack_bits": row.integer_slack_bits,
                    }
                    for row in block.rows
                ],
            }
            for index, block in enumerate(report.blocks)
        ],
    }


def of_audit(report: AuditReport) -> Record:
    """Every recomputed part with both digests."""
    return {
        "agrees": all(line.agrees for line in report.lines),
        "key_digest": report.key_digest,
        "parts": [{**asdict(line), "agrees": line.agrees} for line in report.lines],
    }


def of_srs(file: SrsFile) -> Record:
    """One SRS file."""
    return asdict(file)


def of_srs_files(files: Sequence[SrsFile]) -> Record:
    """`{"srs": [...]}`."""
    return {"srs": [of_srs(file) for file in files]}


def of_findings(findings: Sequence[Finding]) -> Record:
    """`{"works": ..., "findings": [...]}`; `works` unless something needed is missing."""
    return {
        "works": all(finding.is_fine or not finding.is_needed for finding in findings),
        "findings": [asdict(finding) for finding in findings],
    }


def of_warm(report: WarmReport) -> Record:
    """Seconds, and whether there was anything to compile."""
    return asdict(report)


def of_demo(report: DemoReport) -> Record:
    """All stages of a demo; `expected` and `predicted` as the data and the proof say."""
    return {
        "expected": report.expected,
        "predicted": report.predicted,
        "image": report.image,
        "seconds": dict(report.seconds),
        "plan": of_plan(report.plan),
        "build": of_build(report.build),
        "prove": of_prove(report.prove),
        "verdict": of_verdict(report.verdict),
    }


def end(index: int) -> int | None:
    """A boundary's end: block index, or `None` for the model's own input or output."""
    return None if index == MODEL else index


def _boundaries(plan: Plan) -> list[Record]:
    return [_boundary(boundary) for boundary in plan.boundaries]


def _boundary(boundary: Boundary) -> Record:
    return {
        "producer": end(boundary.producer),
        "consumer": end(boundary.consumer),
        "tensors": list(boundary.tensors),
    }


def _tensor(tensor: TensorSpec) -> Record:
    return asdict(tensor)


def _key(key: ModelKey) -> Record:
    srs = None if key.srs is None else {"kind": key.srs.kind.value, "source": key.srs.source}
    return {
        "key_digest": key.digest,
        "model": asdict(key.model),
        "prover": key.prover,
        "link": key.link.value,
        "srs": srs,
    }

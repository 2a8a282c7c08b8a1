"""Small records to render: a chain of three blocks whose first output skips over the second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zkdps.core.checks import TITLES, Outcome, Status
from zkdps.core.model_key import Accuracy, BlockKey, ErrorBound, ModelIdentity, ModelKey
from zkdps.core.plan import Block, Cost, Plan, TensorSpec
from zkdps.core.run import Run
from zkdps.core.srs import SrsIdentity, SrsKind
from zkdps.core.statement import Commitment, Coverage, Link, Proof, Receipt, Statement, Usage
from zkdps.provers.sumcheck.bounds import BoundRow
from zkdps.workflows.reports import (
    AuditLine,
    AuditReport,
    BlockBounds,
    BlockVerdict,
    BoundsReport,
    BuildReport,
    DemoReport,
    Finding,
    Inspection,
    PlannedBlock,
    PlanReport,
    ProveReport,
    SrsFile,
    Verdict,
)

COST = Cost(3000, 12, 18_400_000, 300_000_000, 400_000_000, 1.5, 2.25, 4000)
USAGE = Usage(1.25, 2.5, 410_000_000)


def plan(name: str = "h") -> Plan:
    """input x -> block 0 -> `name` -> block 1 -> g -> block 2 (reads g and `name`) -> y."""
    tensors = tuple(TensorSpec(each, (1, 4), "float32", 8) for each in ("x", name, "g", "y"))
    blocks = (
        Block(0, "Conv+Relu", ("x",), (name,)),
        Block(1, "Gemm", (name,), ("g",)),
        Block(2, "Add", ("g", name), ("y",)),
    )
    return Plan(tensors, ("x",), ("y",), blocks)


def commitment(first_byte: int) -> Commitment:
    """One that is told apart by its first digits."""
    return Commitment(Link.POLYCOMMIT, bytes([first_byte]) * 64)


def run(name: str = "h") -> Run:
    """An honest-looking run of `plan(name)`; x is aa, h bb, g cc, y dd."""
    x, h, g, y = map(commitment, (0xAA, 0xBB, 0xCC, 0xDD))
    statements = (
        Statement(0, (x,), (h,)),
        Statement(1, (h,), (g,)),
        Statement(2, (g, h), (y,)),
    )
    receipts = tuple(Receipt(each, Proof(b"proof", USAGE)) for each in statements)
    return Run("00" * 32, "11" * 32, receipts, {"x": "22" * 32}, {"y": "33" * 32}, {})


def key(name: str = "h", kind: SrsKind = SrsKind.DEVELOPMENT) -> ModelKey:
    """A key of `plan(name)`."""
    return ModelKey(
        ModelIdentity("model", "44" * 32, "55" * 32, 8),
        plan(name),
        "ezkl",
        Link.POLYCOMMIT,
        tuple(BlockKey("66" * 32, {}, {}) for _ in range(3)),
        SrsIdentity(kind, "a source", {12: "77" * 32}, "88" * 32),
        {},
        Accuracy(32, "99" * 32, (ErrorBound("y", 3),)),
        {"zkdps": "0.1.0"},
    )


def verdict(name: str = "h", kind: SrsKind = SrsKind.DEVELOPMENT) -> Verdict:
    """Check 7 passed, 8 was left open, 9 and 10 are absent."""
    special = {8: Status.OPEN, 9: Status.ABSENT, 10: Status.ABSENT}
    outcomes = tuple(
        Outcome(check, special.get(check, Status.PASSED), f"detail of {check}") for check in TITLES
    )
    blocks = tuple(BlockVerdict(block.name, Coverage.PROVED, USAGE) for block in plan(name).blocks)
    return Verdict(key(name, kind), run(name), outcomes, blocks)


def plan_report(name: str = "h") -> PlanReport:
    """Three blocks of equal cost."""
    blocks = (PlannedBlock({"Conv": 2, "Relu": 1}, COST),) * 3
    return PlanReport(plan(name), blocks, 8, ("fold-gelu at n: 3 nodes",), True)


def build_report() -> BuildReport:
    """A package in PKG."""
    return BuildReport(Path("PKG"), Path("PKG/model.zkvk"), key(), {"samples": 32})


def prove_report(values: int = 4) -> ProveReport:
    """Outputs 0, 0.25, 0.5, ..."""
    outputs = {"y": np.arange(values, dtype=np.float64).reshape(1, values) / 4}
    return ProveReport(Path("run.zkrun"), run(), plan(), outputs)


def demo_report() -> DemoReport:
    """A digit of 2 by 3 pixels."""
    image = np.array([[0.0, 0.5, 1.0], [1.0, 0.25, 0.0]], dtype=np.float32)
    return DemoReport(
        plan_report(), build_report(), prove_report(), verdict(), image, "3", "3", {"build": 9.5}
    )


def srs_file() -> SrsFile:
    """A development SRS."""
    return SrsFile(Path("k12.srs"), 12, "development", "a sentence", "ab" * 32, 524_804)


def findings(is_fine: bool) -> tuple[Finding, ...]:
    """One that is needed, one that is not."""
    return (
        Finding("ezkl", is_fine, True, "23.0.5", "pip install ezkl"),
        Finding("torch", False, False, "not installed", "pip install 'zkdps[torch]'"),
    )


def inspection(problem: str | None = None) -> Inspection:
    """Of a run."""
    facts = {"run_id": "11" * 32, "blocks": [{"block": 0, "link": "public"}], "shape": [1, 4]}
    return Inspection(Path("run.zkrun"), "run", facts, problem)


def audit_report() -> AuditReport:
    """Two parts that agree."""
    return AuditReport("00" * 32, (AuditLine("block 0 vk", "ab", "ab"), AuditLine("SRS", "c", "c")))


def bounds_report() -> BoundsReport:
    """One relation that nearly wraps, and a block without any."""
    near = BoundRow("gemm", 1 << 16, 14, 3 << 28, 1 << 29)
    blocks = (BlockBounds("Gemm", "ab" * 32, (near,)), BlockBounds("Flatten", "cd" * 32, ()))
    return BoundsReport(Path("PKG"), "00" * 32, blocks)

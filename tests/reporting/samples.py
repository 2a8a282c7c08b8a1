"""Findings to make pages of: a run that holds, runs that fail each check, keys, hostile names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.core import synthetic
from zkdps.calibration.accuracy import AccuracyReport, Agreement, Points, TensorError
from zkdps.calibration.reference import Source
from zkdps.core.checks import TITLES, Outcome, Status
from zkdps.core.errors import CheckFailed
from zkdps.core.model_key import ErrorBound, ModelKey
from zkdps.core.plan import MODEL, Block, Plan
from zkdps.core.policy import Policy
from zkdps.core.run import Run
from zkdps.core.srs import SrsKind
from zkdps.pages.findings import KeyFindings, RunFindings

FAILURES = {
    1: CheckFailed(1, "run.zkrun is malformed: not a zip archive"),
    2: CheckFailed(2, "the run was proved under another key", expected="ab" * 32, got="cd" * 32),
    3: CheckFailed(3, "the key carries another SRS than it names", expected="ab", got="none"),
    4: CheckFailed(4, "block 1 is missing", block=1, expected="1", got="0"),
    5: CheckFailed(5, "the proof does not verify", block=2),
    6: CheckFailed(6, "block 2 read another 'r'", block=2, tensor="r", expected="aa", got="bb"),
    7: CheckFailed(7, "the values are not those the run proved", block=0, tensor="x"),
    8: CheckFailed(8, "the run claims another digest", block=2, tensor="y", expected="a", got="b"),
    11: CheckFailed(11, "the evidence is weaker", block=0, expected="proved", got="agreed"),
}


def outcomes(before: int = 12) -> tuple[Outcome, ...]:
    """Of the checks before `before`; 7 and 8 open, 9 and 10 absent."""
    special = {7: Status.OPEN, 8: Status.OPEN, 9: Status.ABSENT, 10: Status.ABSENT}
    return tuple(
        Outcome(check, special.get(check, Status.PASSED), f"detail of {check}")
        for check in TITLES
        if check < before
    )


def good(
    kind: SrsKind = SrsKind.CEREMONY,
    accuracy: AccuracyReport | None = None,
    key: ModelKey | None = None,
    run: Run | None = None,
) -> RunFindings:
    """A run that holds."""
    key = key or synthetic.key(kind)
    run = run or synthetic.run(key)
    return RunFindings(run, key, outcomes(), None, Policy(), accuracy, "0.1.0")


def failed(check: int) -> RunFindings:
    """A run that fails a check; nothing could be parsed where that is the first."""
    findings = good()
    if check == 1:
        findings = replace(findings, run=None, key=None, outcomes=(), failure=FAILURES[1])
    return replace(findings, outcomes=outcomes(check), failure=FAILURES[check])


def of_key(kind: SrsKind = SrsKind.CEREMONY, accuracy: AccuracyReport | None = None) -> KeyFindings:
    """A key by itself."""
    return KeyFindings(synthetic.key(kind), outcomes()[2], accuracy, "0.1.0")


def accuracy(plan: Plan | None = None) -> AccuracyReport:
    """Errors of every tensor, and a handful of points."""
    plan = plan or synthetic.plan()
    errors = tuple(
        TensorError(
            tensor.name,
            plan.producers[tensor.name],
            Source.ORIGINAL if plan.producers[tensor.name] == MODEL else Source.REWRITTEN,
            tensor.scale_bits,
            max_abs=(place + 1) / 512,
            mean_abs=(place + 1) / 4096,
            largest=4.5,
        )
        for place, tensor in enumerate(plan.tensors)
    )
    reals = tuple(float(value) for value in np.linspace(-2, 2, 9))
    return AccuracyReport(
        scale_bits=synthetic.SCALE_BITS,
        samples=10,
        data_sha256=synthetic.DIGEST,
        provider="CPUExecutionProvider",
        tensors=errors,
        outputs=plan.outputs,
        agreements=(Agreement("y", 10, 9, 8, 7),),
        points=(Points("y", reals, tuple(round(value * 256) + 1 for value in reals)),),
    )


def named(names: list[str]) -> RunFindings:
    """A run that holds, with these strings wherever a stranger can put one."""
    assert len(set(names)) == 5, "one for each tensor"
    plan = synthetic.plan()
    new = dict(zip(plan.specs, names, strict=True))
    renamed = Plan(
        tuple(replace(spec, name=new[spec.name]) for spec in plan.tensors),
        tuple(new[name] for name in plan.inputs),
        tuple(new[name] for name in plan.outputs),
        tuple(
            Block(
                block.index,
                names[block.index],
                tuple(new[name] for name in block.inputs),
                tuple(new[name] for name in block.outputs),
            )
            for block in plan.blocks
        ),
    )
    honest = synthetic.key()
    assert honest.srs is not None
    key = replace(
        honest,
        model=replace(honest.model, name=names[3]),
        plan=renamed,
        prover=names[2],
        blocks=tuple(replace(each, parameters={names[0]: names[1]}) for each in honest.blocks),
        srs=replace(honest.srs, source=names[4]),
        accuracy=replace(honest.accuracy, bounds=(ErrorBound(renamed.outputs[0], 3),)),
        tools={names[1]: names[2]},
    )
    run = synthetic.run(honest)
    return good(key=key, run=run, accuracy=accuracy_named(renamed))


def accuracy_named(plan: Plan) -> AccuracyReport:
    """`accuracy` of a plan with other names."""
    report = accuracy(plan)
    output = plan.outputs[0]
    return replace(
        report,
        agreements=tuple(replace(each, tensor=output) for each in report.agreements),
        points=tuple(replace(each, tensor=output) for each in report.points),
    )


def failed_with(names: list[str]) -> RunFindings:
    """The same, failing at a boundary with these strings in the failure as well."""
    failure = CheckFailed(6, names[0], 2, names[2], names[3], names[4])
    return replace(named(names), outcomes=outcomes(6), failure=failure)

"""Reports of making things as pages for people: plan, build, prove, srs, doctor, demo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from zkdps.terminal.output import grid, table, words
from zkdps.terminal.pictures import consumer_name, draw_chain, draw_image, producer_name
from zkdps.terminal.sizes import format_seconds, format_shape, format_size
from zkdps.terminal.verdicts import verdict_line

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from zkdps.core.plan import Cost, Plan, TensorSpec
    from zkdps.core.statement import Usage
    from zkdps.terminal.output import Page
    from zkdps.workflows.reports import (
        BuildReport,
        DemoReport,
        Finding,
        PlannedBlock,
        PlanReport,
        ProveReport,
        SrsFile,
        WarmReport,
    )

MAX_VALUES = 16
"""Output values shown of a tensor; `--json` and `--output-file` give all."""

_PLAN_NUMBERS = ("rows", "k", "pk", "setup RAM", "prove RAM", "setup", "prove")
_SUMCHECK_NUMBERS = ("entries", "prove RAM", "setup", "prove", "proof")


def tensors_page(tensors: Sequence[TensorSpec]) -> Page:
    """Where the model can be cut."""
    rows = [(tensor.name, format_shape(tensor.shape), tensor.dtype) for tensor in tensors]
    return [table(("tensor", "shape", "type"), rows)]


def plan_page(report: PlanReport) -> Page:
    """Blocks with their predicted costs and totals, then boundaries."""
    blocks = zip(report.plan.blocks, report.blocks, strict=True)
    numbers, cells = _plan_numbers(report)
    rows = [
        (str(block.index), block.name, _operators(planned), *cells([planned.cost]))
        for block, planned in blocks
    ]
    total = ("total", "", "", *cells([planned.cost for planned in report.blocks]))
    source = "this machine's probes" if report.is_measured else "another machine's constants"
    return [
        table(("block", "name", "operators", *numbers), [*rows, total], numbers=numbers),
        table(("from", "to", "tensor", "shape", "type"), _boundary_rows(report.plan)),
        *(words("rewrite:", line) for line in report.rewrites),
        words(f"scale_bits {report.scale_bits}; CPU seconds predicted from {source}"),
    ]


def build_page(report: BuildReport) -> Page:
    """What was made, and how far it lies from the float model."""
    key = report.key
    scale_bits = {spec.name: spec.scale_bits for spec in key.plan.tensors}
    samples = f"on {key.accuracy.samples} held-out samples"
    bounds = []
    for bound in key.accuracy.bounds:
        error = bound.max_abs_steps / (1 << scale_bits[bound.tensor])
        bounds.append((f"error of {bound.tensor}", f"at most {error:.4g} {samples}"))
    return [
        grid(
            [
                ("package", str(report.package)),
                ("model key", str(report.key_path)),
                ("key digest", key.digest),
                ("blocks", f"{len(key.blocks)}, {key.prover}, linked by {key.link.value}"),
                ("SRS", "none needed" if key.srs is None else key.srs.kind.value),
                *bounds,
            ]
        )
    ]


def prove_page(report: ProveReport) -> Page:
    """The run, its costs, and the output: what the user gets."""
    return [
        _usage_table(report),
        *_output_lines(report),
        grid([("run", str(report.run_path)), ("run id", report.run.run_id)]),
    ]


def proves_page(reports: Sequence[ProveReport]) -> Page:
    """One line a run."""
    rows = [(str(report.run_path), report.run.run_id) for report in reports]
    return [table(("run", "run id"), rows)]


def srs_page(files: Sequence[SrsFile]) -> Page:
    """One line an SRS file."""
    if not files:
        return [words("no SRS in the cache; `zkdps srs make --logrows K` makes one")]
    rows = [
        (
            str(file.logrows),
            file.kind,
            format_size(file.size_bytes),
            file.sha256,
            file.source,
            str(file.path),
        )
        for file in files
    ]
    return [table(("k", "kind", "size", "sha256", "source", "file"), rows, numbers=("k", "size"))]


def srs_file_page(file: SrsFile) -> Page:
    """One SRS file."""
    return srs_page((file,))


def findings_page(findings: Sequence[Finding]) -> Page:
    """One line a finding, remedies below those that need one."""
    rows: list[tuple[str | Text, ...]] = []
    for finding in findings:
        word, style = ("ok", "green") if finding.is_fine else _lack(finding.is_needed)
        rows.append((words(word, style=style), finding.subject, finding.detail))
        if finding.remedy and not finding.is_fine:
            rows.append(("", "", f"to get it: {finding.remedy}"))
    return [grid(rows)]


def warm_page(report: WarmReport) -> Page:
    """One line."""
    verb = "loaded" if report.was_warm else "compiled"
    return [words(f"kernels {verb} in {format_seconds(report.seconds)}: ready to prove")]


def demo_page(report: DemoReport) -> Page:
    """The digit, the answer, the chain, the costs, the verdict."""
    picture = [] if report.image is None else draw_image(report.image)
    stages = [(stage, format_seconds(seconds)) for stage, seconds in report.seconds.items()]
    answer = f"expected {report.expected}, predicted {report.predicted}"
    return [
        *(words(f"    {line}") for line in picture),
        *([words(answer, style="bold")] if report.expected or report.predicted else []),
        words(""),
        *(words(line) for line in draw_chain(report.verdict.key.plan, report.verdict.run)),
        words(""),
        _usage_table(report.prove),
        grid(stages),
        grid([("run", str(report.prove.run_path)), ("model key", str(report.build.key_path))]),
        verdict_line(report.verdict),
    ]


def _operators(planned: PlannedBlock) -> str:
    return ", ".join(
        name if count == 1 else f"{count} {name}" for name, count in planned.operators.items()
    )


Cells = Callable[[Sequence["Cost"]], tuple[str, ...]]
"""Costs of blocks that run one after the other: memory is the largest, the rest adds up."""


def _plan_numbers(report: PlanReport) -> tuple[tuple[str, ...], Cells]:
    """Heads and cells, of what the back end's circuits are measured by."""
    if report.prover == "sumcheck":
        return _SUMCHECK_NUMBERS, _sumcheck_cells
    return _PLAN_NUMBERS, _circuit_cells


def _circuit_cells(costs: Sequence[Cost]) -> tuple[str, ...]:
    return (
        str(sum(cost.rows for cost in costs)),
        str(costs[0].logrows) if len(costs) == 1 else "",
        format_size(sum(cost.pk_bytes for cost in costs)),
        format_size(max(cost.setup_rss_bytes for cost in costs)),
        format_size(max(cost.prove_rss_bytes for cost in costs)),
        format_seconds(sum(cost.setup_s for cost in costs)),
        format_seconds(sum(cost.prove_s for cost in costs)),
    )


def _sumcheck_cells(costs: Sequence[Cost]) -> tuple[str, ...]:
    return (
        str(sum(cost.rows for cost in costs)),
        format_size(max(cost.prove_rss_bytes for cost in costs)),
        format_seconds(sum(cost.setup_s for cost in costs)),
        format_seconds(sum(cost.prove_s for cost in costs)),
        format_size(sum(cost.proof_bytes for cost in costs)),
    )


def _boundary_rows(plan: Plan) -> list[tuple[str, ...]]:
    specs = plan.specs
    return [
        (
            producer_name(boundary.producer),
            consumer_name(boundary.consumer),
            name,
            format_shape(specs[name].shape),
            specs[name].dtype,
        )
        for boundary in plan.boundaries
        for name in boundary.tensors
    ]


def _usage_table(report: ProveReport) -> Table:
    rows = [
        (
            str(block.index),
            block.name,
            *_usage_row(receipt.proof.usage),
            format_size(len(receipt.proof.data)),
        )
        for block, receipt in zip(report.plan.blocks, report.run.receipts, strict=True)
    ]
    heads = ("block", "name", "wall", "CPU", "peak RAM", "proof")
    return table(heads, rows, numbers=heads[2:])


def _usage_row(usage: Usage | None) -> tuple[str, str, str]:
    if usage is None:
        return ("", "", "")
    return (
        format_seconds(usage.wall_s),
        format_seconds(usage.cpu_s),
        format_size(usage.peak_rss_bytes),
    )


def _output_lines(report: ProveReport) -> list[Text]:
    lines = []
    for name, values in report.outputs.items():
        shown = ", ".join(f"{value:.6g}" for value in values.ravel()[:MAX_VALUES].tolist())
        more = f", ... ({values.size} values)" if values.size > MAX_VALUES else ""
        lines.append(words(f"output {name} ({format_shape(values.shape)}): {shown}{more}"))
    return lines


def _lack(is_needed: bool) -> tuple[str, str]:
    return ("missing", "bold red") if is_needed else ("absent", "yellow")

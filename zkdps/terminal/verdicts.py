"""Reports of looking at things as pages for people: verify, key audit, inspect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from zkdps.core.srs import SrsKind
from zkdps.terminal.output import grid, table, words
from zkdps.terminal.pictures import consumer_name, first_digits, producer_name
from zkdps.terminal.sizes import format_seconds, format_size

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from zkdps.core.checks import Outcome
    from zkdps.core.statement import Usage
    from zkdps.provers.sumcheck.bounds import BoundRow
    from zkdps.terminal.output import Page
    from zkdps.workflows.reports import (
        AuditReport,
        BoundsReport,
        Inspection,
        PageReport,
        Verdict,
    )

_STYLES = {"passed": "green", "open": "yellow", "absent": "dim"}
_BOUNDS = ("relation", "count", "shift", "magnitude", "decomposed", "U", "Z")
_MAX_DEPTH = 12
_DEVELOPMENT = "DEVELOPMENT SRS: anybody can forge such a run, it convinces nobody else"


def verdict_page(verdict: Verdict) -> Page:
    """One line per block, per boundary and per check; the verdict stands in the last line."""
    return [
        grid(_block_rows(verdict)),
        grid(_boundary_rows(verdict)),
        grid([_check_row(outcome) for outcome in verdict.outcomes]),
        verdict_line(verdict),
    ]


def verdict_line(verdict: Verdict) -> Text:
    """What holds, what was left open, and whether anybody could have forged it."""
    total = len(verdict.blocks)
    coverage = Counter(block.coverage.value for block in verdict.blocks)
    parts = [", ".join(f"{count} of {total} blocks {kind}" for kind, count in coverage.items())]
    left_open = {7: "input", 8: "output"}
    names = [
        left_open[outcome.check]
        for outcome in verdict.outcomes
        if outcome.status.value == "open" and outcome.check in left_open
    ]
    if names:
        parts.append(f"{' and '.join(names)} values not compared")
    srs = verdict.key.srs
    is_development = srs is not None and srs.kind is SrsKind.DEVELOPMENT
    if is_development:
        parts.append(_DEVELOPMENT)
    style = "bold yellow" if is_development else "bold green"
    return words(f"verified: {'; '.join(parts)}", style=style)


def page_page(report: PageReport) -> Page:
    """Where the page is, and what it says in one line."""
    lines = [words("page", report.path)]
    if report.failure is not None:
        return [*lines, words(f"NOT verified: {report.failure.message()}", style="bold red")]
    if not report.is_of_run:
        return [*lines, words(f"model key {report.key_digest}: no run, nothing verified")]
    held = Counter(outcome.status.value for outcome in report.outcomes)
    counts = ", ".join(f"{count} {status}" for status, count in held.items())
    text = f"verified: checks {counts}"
    if report.is_development:
        return [*lines, words(f"{text}; {_DEVELOPMENT}", style="bold yellow")]
    return [*lines, words(text, style="bold green")]


def audit_page(report: AuditReport) -> Page:
    """One line per recomputed part, then the verdict."""
    rows = [(line.what, "agrees" if line.agrees else "DIFFERS", line.got) for line in report.lines]
    return [
        grid(rows),
        grid([("key digest", report.key_digest)]),
        words(
            f"the key is this model's: {len(rows)} parts recomputed, all agree", style="bold green"
        ),
    ]


def inspection_page(inspection: Inspection) -> Page:
    """What the file says of itself, and that nobody checked it."""
    lines = [words(f"{inspection.kind} {inspection.path}", style="bold")]
    lines += [words(line) for line in _tree(inspection.facts, 1)]
    if inspection.problem is not None:
        lines.append(words("reading stopped:", inspection.problem, style="bold red"))
    lines.append(words("nothing of this was verified", style="yellow"))
    return lines


def bounds_page(report: BoundsReport) -> Page:
    """One table a block, one line a relation; slack is what is left to p."""
    lines: list[RenderableType] = []
    for index, block in enumerate(report.blocks):
        lines.append(words(f"block {index} {block.name}", style="bold"))
        rows = [_bound_row(row) for row in block.rows]
        lines.append(table(_BOUNDS, rows, numbers=_BOUNDS[1:]))
        lines.append(words("  sha256", block.sha256, "as the key names it"))
    count = sum(len(block.rows) for block in report.blocks)
    held = f"{count} relations: U and Z hold for each, recomputed from these tables"
    return [*lines, grid([("key digest", report.key_digest)]), words(held, style="bold green")]


def _bound_row(row: BoundRow) -> tuple[str, ...]:
    rules = ((row.unique, row.unique_slack_bits), (row.integer, row.integer_slack_bits))
    numbers = (row.count, row.shift, row.magnitude, row.decomposed)
    return (
        row.relation,
        *map(str, numbers),
        *(f"{'holds' if holds else 'FAILS'} {slack:.2f} bits" for holds, slack in rules),
    )


def _block_rows(verdict: Verdict) -> list[tuple[str | Text, ...]]:
    return [
        (f"block {index}", block.name, words(block.coverage.value), _usage(block.usage))
        for index, block in enumerate(verdict.blocks)
    ]


def _boundary_rows(verdict: Verdict) -> list[tuple[str, ...]]:
    plan, link = verdict.key.plan, verdict.key.link.value
    digits = first_digits(plan, verdict.run)
    return [
        (
            f"boundary {producer_name(boundary.producer)} → {consumer_name(boundary.consumer)}",
            link,
            ", ".join(f"{name} {digits[name]}" for name in boundary.tensors),
        )
        for boundary in plan.boundaries
    ]


def _check_row(outcome: Outcome) -> tuple[str | Text, ...]:
    status = outcome.status.value
    return (
        f"check {outcome.check}",
        outcome.title,
        words(status, style=_STYLES[status]),
        outcome.detail,
    )


def _usage(usage: Usage | None) -> str:
    if usage is None:
        return ""
    return f"{format_seconds(usage.wall_s)}, {format_size(usage.peak_rss_bytes)} (operator's word)"


def _tree(value: object, depth: int) -> list[str]:
    """`value` as indented lines; lists of plain values on one line."""
    indent = "  " * depth
    if depth > _MAX_DEPTH:
        return [f"{indent}..."]
    if isinstance(value, Mapping):
        pairs = [(str(name), part) for name, part in value.items()]
    elif isinstance(value, (list, tuple)):
        pairs = [(str(position), part) for position, part in enumerate(value)]
    else:
        return [f"{indent}{value}"]
    lines = []
    for name, part in pairs:
        if _is_plain(part):
            lines.append(f"{indent}{name}: {_plain(part)}")
        else:
            lines += [f"{indent}{name}:", *_tree(part, depth + 1)]
    return lines


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return not any(isinstance(part, (Mapping, list, tuple)) for part in value)
    return not isinstance(value, Mapping)


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

"""The page's lists and tables as rows of text: checks, blocks, boundaries, errors, lineage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkdps.core.canonical import Json, canonical_json, sha256_hex
from zkdps.core.checks import TITLES
from zkdps.core.model_key import BlockKey, ModelKey
from zkdps.core.plan import MODEL, Boundary, TensorSpec
from zkdps.core.statement import Usage
from zkdps.pages.chain_picture import BlockMark, first_digits
from zkdps.pages.findings import BOUNDARIES_CHECK, INPUT_CHECK, OUTPUT_CHECK, RunFindings
from zkdps.pages.headline import Fact, block_state
from zkdps.pages.wording import (
    consumer_words,
    count_words,
    producer_words,
    real_words,
    seconds_words,
    shape_words,
    size_words,
)

if TYPE_CHECKING:
    from zkdps.calibration.accuracy import AccuracyReport


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One numbered check."""

    title: str
    state: str
    """`passed`, `open`, `absent`, `failed` or `not reached`."""
    detail: str

    @property
    def css(self) -> str:
        """The state as a class name."""
        return self.state.replace(" ", "-")


Row = tuple[str, ...]


def check_lines(findings: RunFindings) -> tuple[CheckLine, ...]:
    """All eleven, in order, whatever happened."""
    found = []
    for check, title in TITLES.items():
        outcome = findings.outcome(check)
        if outcome is not None:
            found.append(CheckLine(title, outcome.status.value, outcome.detail))
        elif findings.failure is not None and findings.failure.check == check:
            found.append(CheckLine(title, "failed", findings.failure.reason))
        else:
            found.append(CheckLine(title, "not reached", ""))
    return tuple(found)


def run_marks(findings: RunFindings, key: ModelKey) -> tuple[BlockMark, ...]:
    """What the picture says of each block of a run."""
    usages = _usages(findings)
    found = []
    for block in key.plan.blocks:
        state, words = block_state(findings, block.index)
        usage = usages.get(block.index)
        cost = (
            ""
            if usage is None
            else f"{seconds_words(usage.wall_s)}, {size_words(usage.peak_rss_bytes)}"
        )
        found.append(BlockMark(state, words, ", ".join(filter(None, (cost, "executor unsigned")))))
    return tuple(found)


def key_marks(key: ModelKey) -> tuple[BlockMark, ...]:
    """What the picture says of each block of a key."""
    return tuple(
        BlockMark("planned", f"key material {size_words(_material_bytes(block))}", "")
        for block in key.blocks
    )


def failed_places(findings: RunFindings) -> frozenset[tuple[int, str]]:
    """The boundary that a failed check names, as (consumer, tensor)."""
    failure = findings.failure
    if failure is None or failure.tensor is None or failure.block is None:
        return frozenset()
    if failure.check == OUTPUT_CHECK:
        return frozenset({(MODEL, failure.tensor)})
    if failure.check in (BOUNDARIES_CHECK, INPUT_CHECK):
        return frozenset({(failure.block, failure.tensor)})
    return frozenset()


def digits_of(findings: RunFindings, key: ModelKey) -> Mapping[str, str]:
    """First digits of commitments, where the receipts are known to be the plan's."""
    if findings.run is None or not findings.fits_plan:
        return {}
    return first_digits(key.plan, findings.run)


def block_rows(findings: RunFindings, key: ModelKey) -> tuple[Row, ...]:
    """Block, name, coverage, wall, CPU, memory, proof size."""
    usages, sizes = _usages(findings), _proof_sizes(findings)
    found = []
    for block in key.plan.blocks:
        usage = usages.get(block.index)
        times = ("", "", "") if usage is None else _usage_words(usage)
        size = size_words(sizes[block.index]) if block.index in sizes else ""
        _, words = block_state(findings, block.index)
        found.append((f"block {block.index}", block.name, words, *times, size))
    return tuple(found)


def total_words(findings: RunFindings) -> str:
    """All blocks together, by the operator's word."""
    usages = list(_usages(findings).values())
    if not usages:
        return ""
    wall = seconds_words(sum(usage.wall_s for usage in usages))
    peak = size_words(max(usage.peak_rss_bytes for usage in usages))
    return f"{wall} one after the other, at most {peak} at a time"


def boundary_rows(key: ModelKey, digits: Mapping[str, str]) -> tuple[Row, ...]:
    """From, to, tensor, shape, type and scale, and first digits of commitments if there are any."""
    specs = key.plan.specs
    return tuple(
        _boundary_row(boundary, specs[name], (digits[name],) if digits else ())
        for boundary in key.plan.boundaries
        for name in boundary.tensors
    )


def error_rows(report: AccuracyReport) -> tuple[Row, ...]:
    """Tensor, producer, compared with, largest and mean error, largest value."""
    return tuple(
        (
            error.tensor,
            producer_words(error.producer),
            f"{error.source.value} model",
            real_words(error.max_abs),
            str(error.max_abs_steps),
            real_words(error.mean_abs),
            real_words(error.largest),
        )
        for error in report.tensors
    )


def agreement_words(report: AccuracyReport) -> tuple[str, ...]:
    """How often integers and float model chose the same class."""
    found = []
    for each in report.agreements:
        text = (
            f"{each.tensor}: the proven integers choose the float model's class in "
            f"{each.agreeing} of {count_words(each.decisions, 'decision')}"
        )
        if each.correct is not None and each.correct_float is not None:
            text += f"; the labelled class in {each.correct}, the float model in "
            text += str(each.correct_float)
        found.append(f"{text}.")
    return tuple(found)


def lineage(key: ModelKey) -> tuple[Fact, ...]:
    """Digests and tools that the key is made of."""
    model, srs = key.model, key.srs
    facts = [
        Fact("Key digest", key.digest, "of the manifest, which names all below", is_code=True),
        Fact("Source model", model.source_sha256, "the publisher's ONNX graph and weights", True),
        Fact("Circuit model", model.circuit_sha256, "normalised and rewritten", True),
        Fact("Rewrites exact for", f"scale_bits {model.rewrite_scale_bits}"),
        Fact("Calibration data", key.accuracy.data_sha256, "", True),
        Fact("Prover", key.prover, f"boundaries linked by {key.link}"),
    ]
    if srs is not None:
        facts.append(Fact("SRS, verifier's part", srs.verifier_sha256, srs.source, True))
        facts += [
            Fact(f"SRS, logrows {logrows}", digest, "", True)
            for logrows, digest in sorted(srs.digests.items())
        ]
    facts.append(Fact("Made with", ", ".join(f"{n} {v}" for n, v in sorted(key.tools.items()))))
    return tuple(facts)


def material_rows(block: BlockKey) -> tuple[Row, ...]:
    """Part, size, SHA-256."""
    members = ((n, size_words(len(d)), sha256_hex(d)) for n, d in sorted(block.material.items()))
    return (("ONNX slice", "", block.onnx_sha256), *members)


def parameter_words(block: BlockKey) -> str:
    """The back end's choices on one line."""
    return ", ".join(f"{name} {_plain(value)}" for name, value in sorted(block.parameters.items()))


def _boundary_row(boundary: Boundary, spec: TensorSpec, digits: Row) -> Row:
    kind = f"{spec.dtype}, scale_bits {spec.scale_bits}" if spec.is_real else spec.dtype
    return (
        producer_words(boundary.producer),
        consumer_words(boundary.consumer),
        spec.name,
        shape_words(spec.shape),
        kind,
        *digits,
    )


def _usages(findings: RunFindings) -> dict[int, Usage]:
    if findings.run is None or not findings.fits_plan:
        return {}
    return {
        receipt.statement.block: receipt.proof.usage
        for receipt in findings.run.receipts
        if receipt.proof.usage is not None
    }


def _proof_sizes(findings: RunFindings) -> dict[int, int]:
    if findings.run is None or not findings.fits_plan:
        return {}
    return {each.statement.block: len(each.proof.data) for each in findings.run.receipts}


def _usage_words(usage: Usage) -> tuple[str, str, str]:
    return (
        seconds_words(usage.wall_s),
        seconds_words(usage.cpu_s),
        size_words(usage.peak_rss_bytes),
    )


def _material_bytes(block: BlockKey) -> int:
    return sum(len(data) for data in block.material.values())


def _plain(value: Json) -> str:
    return value if isinstance(value, str) else canonical_json(value).decode()

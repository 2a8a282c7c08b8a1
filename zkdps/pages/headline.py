"""What a person needs first: the verdict in a few words, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from zkdps.core.checks import TITLES, Outcome, Status
from zkdps.core.errors import CheckFailed
from zkdps.core.model_key import ModelKey
from zkdps.core.prover import Strength
from zkdps.pages.findings import (
    BOUNDARIES_CHECK,
    INPUT_CHECK,
    OUTPUT_CHECK,
    PROOFS_CHECK,
    SRS_CHECK,
    KeyFindings,
    RunFindings,
)
from zkdps.pages.wording import consumer_words, count_words, first_difference, producer_words
from zkdps.pages.wording import real_words as real


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a list of facts."""

    label: str
    value: str
    note: str = ""
    is_code: bool = False
    """Whether the value is a digest or the like."""


@dataclass(frozen=True, slots=True)
class Headline:
    """The first thing on a page."""

    state: str
    """`good`, `caution`, `bad` or `plain`: the CSS class, never the only sign."""
    title: str
    sentences: tuple[str, ...]
    facts: tuple[Fact, ...]
    """What it is of."""
    causes: tuple[Fact, ...] = ()
    """Why it failed: what, where, expected and got."""


def headline_of_run(findings: RunFindings) -> Headline:
    """Verified or not, and why, and what of."""
    if findings.failure is not None:
        return _failed(findings, findings.failure)
    key, is_forgeable = findings.key, findings.is_development
    blocks = 0 if key is None else len(key.plan.blocks)
    sentences = [f"{blocks} of {count_words(blocks, 'block')} proved, every boundary linked."]
    if is_forgeable:
        sentences.append(
            "But under a development SRS: everybody can forge such a run, so it convinces nobody "
            "who did not make it."
        )
    left_open = [
        end
        for check, end in ((INPUT_CHECK, "input"), (OUTPUT_CHECK, "output"))
        if (found := findings.outcome(check)) is not None and found.status is Status.OPEN
    ]
    if left_open:
        verb = "values were" if len(left_open) == 1 else "values were both"
        sentences.append(f"The {' and '.join(left_open)} {verb} not compared: none were given.")
    return Headline(
        "caution" if is_forgeable else "good",
        "Verified, for development only" if is_forgeable else "Verified",
        tuple(sentences),
        _facts(findings),
    )


def headline_of_key(findings: KeyFindings) -> Headline:
    """What the key is of, and whether its SRS can be trusted."""
    key = findings.key
    blocks = count_words(len(key.plan.blocks), "block")
    sentences = [f"{blocks}, to be proved by {key.prover}, linked by {key.link}."]
    state = "plain"
    if isinstance(findings.srs, CheckFailed):
        state = "bad"
        sentences.append(f"Do not use this key: {findings.srs.message()}")
    elif findings.is_development:
        state = "caution"
        sentences.append("For development only: everybody can forge runs under this key.")
    facts = (
        *_model_facts(key),
        _key_fact(key, ""),
        srs_fact(key, findings.srs),
        *strength_facts(findings.strength),
        bound_fact(key),
    )
    return Headline(state, f"Model key of {key.model.name}", tuple(sentences), facts)


def srs_fact(key: ModelKey, ended: Outcome | CheckFailed | None) -> Fact:
    """The SRS's kind, and whether anybody but the key says so."""
    if key.srs is None:
        return Fact("SRS", "none", f"{key.prover} needs no trusted set-up")
    if isinstance(ended, Outcome):
        return Fact("SRS", key.srs.kind.value, key.srs.source)
    return Fact("SRS", key.srs.kind.value, "by the key's word; check 3 did not pass")


def strength_facts(strength: Strength | None) -> tuple[Fact, ...]:
    """What proofs are worth, total and step by step; nothing where it is not counted in bits."""
    if strength is None:
        return ()
    steps = ", ".join(f"{name} {bits:.1f}" for name, bits in strength.steps.items())
    hides = "yes" if strength.is_zero_knowledge else "no"
    note = "" if strength.is_zero_knowledge else "proofs disclose parts of weights and activations"
    return (
        Fact(
            "Soundness",
            f"{strength.bits:.1f} bits",
            f"round by round; {strength.sum_bits:.1f} summed over all rounds; steps: {steps}",
        ),
        Fact("Zero-knowledge", hides, note),
    )


def bound_fact(key: ModelKey) -> Fact:
    """How far proven outputs were from the float model's."""
    specs = key.plan.specs
    values = [
        f"{bound.tensor} ±{real(bound.max_abs_steps / 2 ** specs[bound.tensor].scale_bits)}"
        for bound in key.accuracy.bounds
    ]
    samples = count_words(key.accuracy.samples, "held-out sample")
    return Fact("Error against float", ", ".join(values), f"largest on {samples}; measured")


def _failed(findings: RunFindings, failure: CheckFailed) -> Headline:
    # A check that this release does not number has no title; it failed all the same.
    title = TITLES.get(failure.check, "")
    after = "The checks after it were not reached. " if failure.check < len(TITLES) else ""
    sentences = (
        f"Check {failure.check} failed: {title}.",
        f"{after}Do not use this run.",
    )
    causes = [Fact("What is wrong", failure.reason), *_where(findings, failure)]
    if failure.expected is not None:
        causes.append(Fact("Expected", failure.expected, is_code=True))
    if failure.got is not None:
        causes.append(Fact("Got", failure.got, is_code=True))
    place = first_difference(failure.expected or "", failure.got or "")
    if place is not None:
        causes.append(Fact("First difference", f"character {place}"))
    return Headline("bad", "Not verified", sentences, _facts(findings), tuple(causes))


def _where(findings: RunFindings, failure: CheckFailed) -> list[Fact]:
    key, found = findings.key, []
    if failure.block is not None:
        named = key is not None and 0 <= failure.block < len(key.plan.blocks)
        name = key.plan.blocks[failure.block].name if key is not None and named else ""
        found.append(Fact("Where", f"block {failure.block}", name))
    if failure.tensor is not None:
        found.append(Fact("Tensor", failure.tensor, is_code=True))
    if failure.check == BOUNDARIES_CHECK and key is not None:
        found += [
            Fact(
                "Boundary",
                f"{producer_words(boundary.producer)} → {consumer_words(boundary.consumer)}",
            )
            for boundary in key.plan.boundaries
            if boundary.consumer == failure.block and failure.tensor in boundary.tensors
        ]
    return found


def _facts(findings: RunFindings) -> tuple[Fact, ...]:
    """Who is who; the same lines for a good and a failed run, as far as they are known."""
    run, key = findings.run, findings.key
    if run is None or key is None:
        return ()
    pinned = (
        "the digest that you trust"
        if findings.policy.key_digest == key.digest
        else "not the digest that you trust"
        if findings.policy.key_digest is not None
        else "you gave no digest to compare it with"
    )
    return (
        *_model_facts(key),
        Fact("Run id", run.run_id, is_code=True),
        _key_fact(key, pinned),
        srs_fact(key, findings.outcome(SRS_CHECK)),
        *strength_facts(findings.strength),
        *(
            Fact(end, *_end(findings.outcome(check)))
            for check, end in ((INPUT_CHECK, "Input"), (OUTPUT_CHECK, "Output"))
        ),
        bound_fact(key),
    )


def _end(outcome: Outcome | None) -> tuple[str, str]:
    if outcome is None:
        return "not found to be the one proved", ""
    word = "compared" if outcome.status is Status.PASSED else "not compared"
    return word, outcome.detail


def _model_facts(key: ModelKey) -> tuple[Fact, ...]:
    return (Fact("Model", key.model.name, "the name is the publisher's"),)


def _key_fact(key: ModelKey, note: str) -> Fact:
    return Fact("Key digest", key.digest, note, is_code=True)


def block_state(findings: RunFindings, index: int) -> tuple[str, str]:
    """CSS class and words of one block's coverage; nothing counts in a run that failed."""
    failure = findings.failure
    if failure is None:
        return "proved", "proved"
    if failure.block == index and failure.check == BOUNDARIES_CHECK:
        return "failed", "failed: reads another tensor"
    # Where an end of the model is at fault, the boundary is marked and not the block.
    if failure.block == index and failure.check not in (INPUT_CHECK, OUTPUT_CHECK):
        return "failed", f"failed: check {failure.check}"
    if findings.passed(PROOFS_CHECK):
        return "unverified", "unverified; its own proof holds"
    return "unverified", "unverified"

"""What a verdict, and a key, does *not* say: as important as what it does (design §8)."""

from __future__ import annotations

from zkdps.core.checks import Status
from zkdps.core.model_key import ModelKey
from zkdps.core.prover import Strength
from zkdps.pages.findings import INPUT_CHECK, OUTPUT_CHECK, KeyFindings, RunFindings
from zkdps.pages.wording import count_words, real_words

_SECRET = (
    "That anything is secret. Commitments bind, they do not hide: who can guess a tensor can check "
    "the guess."
)
_DISCLOSED = (
    "That anything is secret. These proofs are not zero-knowledge: each discloses parts of the "
    "activations and weights, and some tens of them together the weights. Do not publish proofs "
    "of private weights or inputs."
)
_PUBLISHER = (
    "That the key is of the model you think of. Nobody recomputed it here; with the ONNX file, "
    "`zkdps key audit model.onnx model.zkvk` does."
)
_DEVELOPMENT = (
    "Anything to anybody else. Everybody knows the secret of a development SRS, so everybody can "
    "forge a run under this key."
)
_SOFTWARE = (
    "That zkdps and the prover's verifier are free of defects: you trusted both (`--independent` "
    "asks a second verifier)."
)
_TWO_VERIFIERS = (
    "That zkdps is free of defects. Of the proofs, two verifiers that share no code said the same."
)


def limits_of_run(findings: RunFindings) -> tuple[str, ...]:
    """Sentences that complete "This verdict does not say ..."."""
    if not findings.is_verified or findings.key is None:
        return _limits_of_failure(findings)
    found = [_DEVELOPMENT] if findings.is_development else []
    for check, end in ((INPUT_CHECK, "input"), (OUTPUT_CHECK, "output")):
        outcome = findings.outcome(check)
        if outcome is not None and outcome.status is Status.OPEN:
            found.append(
                f"What the {end} was. You gave none to compare (`--{end}`), so the run is proved "
                f"for some {end}, of which you have only a digest."
            )
    if findings.policy.key_digest is None:
        found.append(
            "That this is the right key. You gave no digest to compare it with (`--key-digest`), "
            "so whoever gave you the key file chose the model."
        )
    return (
        *found,
        _float(findings.key),
        _PUBLISHER,
        "Who ran which block, and when. Runs of version 1 are unsigned and carry no time, and the "
        "same run can be shown again and again.",
        "That the times and memory are true. They are the operator's word, covered by no proof.",
        _secrecy(findings.strength),
        _TWO_VERIFIERS if findings.policy.independent else _SOFTWARE,
    )


def limits_of_key(findings: KeyFindings) -> tuple[str, ...]:
    """Sentences that complete "This key does not say ..."."""
    return (
        *([_DEVELOPMENT] if findings.is_development else []),
        "That anything was run. A key is what runs are checked against.",
        _float(findings.key),
        _PUBLISHER,
        _secrecy(findings.strength),
    )


def _secrecy(strength: Strength | None) -> str:
    return _SECRET if strength is None or strength.is_zero_knowledge else _DISCLOSED


def _limits_of_failure(findings: RunFindings) -> tuple[str, ...]:
    found = [
        "Who is at fault. A file damaged on its way, a file of another run or key, an operator's "
        "mistake and a forgery can look alike.",
        "That only this is wrong. Checks after the failed one were not reached.",
        "Which of the run's values are true: none of them may be relied on.",
    ]
    if findings.failure is not None and findings.failure.check in (INPUT_CHECK, OUTPUT_CHECK):
        found.append("That the run is worth nothing: the values you gave may be the wrong ones.")
    return tuple(found)


def _float(key: ModelKey) -> str:
    specs = key.plan.specs
    bound = max(
        each.max_abs_steps / 2 ** specs[each.tensor].scale_bits for each in key.accuracy.bounds
    )
    samples = count_words(key.accuracy.samples, "held-out sample")
    return (
        "That the float model gives the same output. What is proved is the quantised circuit; on "
        f"{samples} its outputs were at most {real_words(bound)} from the float model's, which is "
        "a measurement, not a proof, and inputs unlike those may differ by more."
    )

"""What does proving GPT-2 take with the sumcheck back end?

The 124 million weights of GPT-2 small, drawn from a seed (what a proof costs depends on shapes
alone), with the tied head on the last token: 16 tokens in 12 blocks, as commands, with everything
they do.  Then 512 tokens, where attention is what costs: once, within a limit of time, and only
where the machine has the memory; what stops it is told.

Expected, before measuring, on two idle cores: for 16 tokens the weights decide, 163 million entries
(the table of words stands in the first block and in the head) that are read three times for the
opening, 25 ns each, so 4 s of CPU and, with starting, 4 s of wall time.  512 tokens: 12 blocks of 3
million scores each in four look-ups, half of them masked, about 20 s a core and block before
causal attention is laid out as a triangle, so the line of 60 s is in doubt.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from benches.bare import usage_facts
from benches.outcome import Bench, Line, Outcome, Place, talk
from benches.sumcheck_commands import (
    Files,
    Recipe,
    build_package,
    columns_log,
    facts_of,
    median_wall_s,
    proof_bytes,
    prove,
    repeated,
    verify,
    zkdps,
)
from benches.sumcheck_models import gpt2_files
from zkdps.core.statement import Usage
from zkdps.workflows.memory import available_bytes

TOKENS, LONG_TOKENS, SMOKE_LONG_TOKENS = 16, 512, 12
RECIPE = Recipe(blocks=12, scale_bits=10, margin=2.0)
SMOKE_RECIPE = Recipe(blocks=2, scale_bits=8, margin=2.0)
REPETITIONS = 5

LIMIT_PROVE_S = 6.0
LIMIT_VERIFY_S = 1.5
LIMIT_LONG_S = 60.0
LONG_BUILD_TIMEOUT_S = 900.0
LONG_PROVE_TIMEOUT_S = 300.0
LONG_MEMORY_BYTES = 12 << 30


def run(place: Place) -> Outcome:
    """Few tokens again and again, many tokens once."""
    zkdps(place, "warm")
    lines, short = _short(place)
    more, long = _long(place)
    return Outcome((*lines, *more), {"few_tokens": short, "many_tokens": long})


BENCH = Bench("gpt2", "What does proving GPT-2 take with the sumcheck back end?", run)


def _short(place: Place) -> tuple[tuple[Line, ...], dict[str, object]]:
    files = gpt2_files(place, TOKENS)
    recipe = SMOKE_RECIPE if place.smoke else RECIPE
    times = 1 if place.smoke else REPETITIONS
    package = place.scratch / "PKG"
    build_s = build_package(files, package, recipe, place)
    runs = [place.scratch / f"run-{index}.zkrun" for index in range(times)]
    prove(place, package, files.input, place.scratch / "first.zkrun")
    proofs = repeated("prove", times, lambda index: prove(place, package, files.input, runs[index]))
    verifications = repeated("verify", times, lambda _: verify(place, package, runs[0]))
    lines = (
        Line("wall seconds of `zkdps prove`, 16 tokens", median_wall_s(proofs), LIMIT_PROVE_S),
        Line(
            "wall seconds of `zkdps verify`, 16 tokens",
            median_wall_s(verifications),
            LIMIT_VERIFY_S,
        ),
    )
    facts = {
        "tokens": TOKENS,
        "columns_log": columns_log(package),
        "build_s": round(build_s, 2),
        "prove_command": facts_of(proofs),
        "verify_command": facts_of(verifications),
        "proof_bytes": proof_bytes(runs[0]),
    }
    shutil.rmtree(package)
    return lines, facts


def _long(place: Place) -> tuple[tuple[Line, ...], dict[str, object]]:
    """No line where nothing could be measured, but the reason."""
    tokens = SMOKE_LONG_TOKENS if place.smoke else LONG_TOKENS
    free = available_bytes()
    if not place.smoke and free < LONG_MEMORY_BYTES:
        reason = (
            f"{free >> 20} MiB of memory are available, {LONG_MEMORY_BYTES >> 20} are asked for"
        )
        talk(reason)
        return (), {"tokens": tokens, "not_measured": reason}
    files = gpt2_files(place, tokens)
    package, run_file = place.scratch / "LONG", place.scratch / "long.zkrun"
    recipe = SMOKE_RECIPE if place.smoke else RECIPE
    facts: dict[str, object] = {"tokens": tokens}
    try:
        facts["build"] = usage_facts(_build_within(place, files, package, recipe))
        proof = zkdps(
            place,
            *("prove", package, "--input", files.input, "-o", run_file),
            timeout_s=LONG_PROVE_TIMEOUT_S,
        )
        facts["prove"] = usage_facts(proof)
        facts["verify"] = usage_facts(verify(place, package, run_file))
        facts["proof_bytes"] = proof_bytes(run_file)
    except RuntimeError as error:
        talk(str(error))
        return (), {**facts, "not_measured": str(error)[-600:]}
    return (Line("wall seconds of `zkdps prove`, 512 tokens", proof.wall_s, LIMIT_LONG_S),), facts


def _build_within(place: Place, files: Files, package: Path, recipe: Recipe) -> Usage:
    return zkdps(
        place,
        "build",
        files.model,
        "--data",
        files.calibration,
        "-o",
        package,
        "--prover",
        "sumcheck",
        "--blocks",
        str(recipe.blocks),
        "--scale",
        str(recipe.scale_bits),
        "--margin",
        str(recipe.margin),
        timeout_s=LONG_BUILD_TIMEOUT_S,
    )

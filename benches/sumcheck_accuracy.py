"""Do the proven integers embed sentences as the float model does?

MiniLM for 32, 64 and 128 tokens, calibrated on some sentences (scale 10, margin 1.5) and run on
others, of many lengths, each in the smallest model that holds it: the very integers that a proof
would be about, but no proofs.  The embedding's cosine with what onnxruntime makes of the original
float32 model on the same padded tokens.  A sentence that leaves the calibrated ranges has no proof;
it counts as missed, and how many there were is told.

Expected, before measuring: 0.9999 on average, for 16 calibration sentences gave errors of an
embedding of length 5 below 0.02 an entry; a few refused sentences at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benches.outcome import Bench, Line, Outcome, Place, median, talk
from benches.sumcheck_commands import Files
from benches.sumcheck_models import minilm_files, tiny_samples
from benches.sumcheck_sentences import draw
from tests.circuits.dag_models import run_model
from tests.models.minilm import encode
from zkdps.calibration.chain import Calibration, calibrate
from zkdps.calibration.data import Samples, Split
from zkdps.calibration.execution import execute_plan, quantise_samples
from zkdps.calibration.reference import FloatModels
from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.dialect import Dialect
from zkdps.circuits.load import load_model
from zkdps.circuits.prepare import prepare
from zkdps.circuits.slice import slice_model
from zkdps.core.errors import OutOfRange
from zkdps.core.prover import Prover
from zkdps.core.statement import Link
from zkdps.workflows.back_end import open_prover

SCALE_BITS = 10
MARGIN = 1.5
CALIBRATION = 48
"""Sentences of each size."""
HELD_OUT = {32: 100, 64: 80, 128: 60}
"""Tokens of a model to sentences for it: the texts have few that are longer than 64."""
NEAR = 0.999
LIMIT_MEAN = 5e-4
LIMIT_FAR_SHARE = 0.01
OUTPUT = "embedding"


@dataclass(frozen=True, slots=True)
class Found:
    """One size."""

    tokens: int
    lengths: Sequence[int]
    cosines: Sequence[float | None]
    """One a sentence; `None` where it left the calibrated ranges."""
    refusals: Sequence[str]
    largest_errors: Sequence[float]


def run(place: Place) -> Outcome:
    """Every size."""
    if place.smoke:
        files = minilm_files(place, 0)
        samples = Samples(tiny_samples())
        found = [_measure(place, 0, files, Split(samples, samples.first(3)))]
        return Outcome(lines_of(found), {"sizes": {"tiny": _facts(found[0])}})
    corpus = draw(CALIBRATION, HELD_OUT)
    found = []
    for tokens in HELD_OUT:
        parts = (corpus.calibration[tokens], corpus.held_out[tokens])
        calibration, held_out = (Samples(encode(sentences, tokens)) for sentences in parts)
        files = minilm_files(place, tokens)
        found.append(_measure(place, tokens, files, Split(calibration, held_out)))
    facts = {str(one.tokens): _facts(one) for one in found}
    return Outcome(
        lines_of(found),
        {
            "sentences": sum(HELD_OUT.values()),
            "calibration_sentences_a_size": CALIBRATION,
            "sentences_sha256": corpus.sha256,
            "scale_bits": SCALE_BITS,
            "margin": MARGIN,
            "sizes": facts,
            "all": _summary(found),
        },
    )


BENCH = Bench(
    "sumcheck_accuracy", "Do the proven integers embed sentences as the float model does?", run
)


def _measure(place: Place, tokens: int, files: Files, data: Split) -> Found:
    folder = place.scratch / f"chain-{tokens}"
    folder.mkdir()
    with open_prover("sumcheck", place.machine) as prover:
        chain = _calibrated(prover, files.model, data, folder)
        talk(f"{tokens} tokens: calibrated")
        model = files.model.read_bytes()
        cosines: list[float | None] = []
        refusals, errors = [], []
        for index in range(len(data.held_out)):
            one = data.held_out.take([index])
            expected = run_model(model, one.sample(0))[OUTPUT].ravel().astype(np.float64)
            try:
                got = _executed(prover, chain, one)
            except OutOfRange as error:
                cosines.append(None)
                refusals.append(str(error))
                continue
            cosines.append(_cosine(got, expected))
            errors.append(float(np.abs(got - expected).max()))
    lengths = data.held_out.arrays["attention_mask"].reshape(len(data.held_out), -1).sum(axis=1)
    found = Found(tokens, [int(length) for length in lengths], cosines, refusals, errors)
    talk(f"{tokens} tokens: {_summary([found])}")
    return found


def _calibrated(prover: Prover, model: Path, data: Split, folder: Path) -> Calibration:
    source = load_model(model)
    prepared = prepare(source, {}, scale_bits=SCALE_BITS, dialect=Dialect.SUMCHECK)
    sliced = slice_model(prepared.model, [read_dataflow(prepared.model).live])
    return calibrate(
        prover,
        sliced.plan,
        sliced.graphs,
        # Calibration measures on one sample of its own; the held-out ones are ours to refuse.
        Split(data.calibration, data.calibration.first(1)),
        FloatModels(source, prepared.model),
        scale_bits=SCALE_BITS,
        link=Link.MERKLE,
        margin=MARGIN,
        directory=folder,
    )


def _executed(prover: Prover, chain: Calibration, one: Samples) -> NDArray[np.float64]:
    """The embedding of one sentence, dequantised."""
    inputs = quantise_samples(chain.plan, one)
    run = execute_plan(prover, chain.plan, chain.circuits, inputs, provable=True)
    (made,) = run.values[OUTPUT]
    return made.reals.ravel()


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def lines_of(found: Sequence[Found]) -> tuple[Line, ...]:
    """What the project demands, of all sizes together."""
    summary = _summary(found)
    return (
        Line("1 - mean cosine with float32, sentences in range", summary["mean_off"], LIMIT_MEAN),
        Line(
            f"share of sentences below a cosine of {NEAR} or refused",
            summary["far_share"],
            LIMIT_FAR_SHARE,
        ),
    )


def _summary(found: Sequence[Found]) -> dict[str, float]:
    every = [cosine for one in found for cosine in one.cosines]
    known = [cosine for cosine in every if cosine is not None]
    far = sum(1 for cosine in every if cosine is None or cosine < NEAR)
    return {
        "mean_off": 1 - sum(known) / len(known) if known else 1.0,
        "median_cosine": median(known) if known else 0.0,
        "least_cosine": min(known, default=0.0),
        "far_share": far / len(every),
        "refused_share": 1 - len(known) / len(every),
    }


def _facts(found: Found) -> Mapping[str, object]:
    return {
        **_summary([found]),
        "sentences": len(found.cosines),
        "token_lengths": list(found.lengths),
        "cosines": [None if c is None else round(c, 6) for c in found.cosines],
        "refusals": list(found.refusals),
        "largest_abs_error": max(found.largest_errors, default=0.0),
    }

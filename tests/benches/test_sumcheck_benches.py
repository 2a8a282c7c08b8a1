"""What the sumcheck benches compute from measurements, and which sentences they take."""

from __future__ import annotations

import pytest

from benches.sumcheck_accuracy import Found, lines_of
from benches.sumcheck_commands import Repetition, facts_of, median_wall_s
from benches.sumcheck_sentences import draw
from tests.models.minilm import encode
from zkdps.core.statement import Usage

HELD_OUT = {16: 12, 64: 8}


def test_sentences_are_drawn_alike_and_never_twice() -> None:
    corpus = draw(5, HELD_OUT)
    assert corpus.sha256 == draw(5, HELD_OUT).sha256
    every = [
        sentence
        for part in (corpus.calibration, corpus.held_out)
        for size in HELD_OUT
        for sentence in part[size]
    ]
    assert len(every) == len(set(every)) == 2 * 5 + sum(HELD_OUT.values())


def test_sentences_fit_the_size_that_they_are_drawn_for() -> None:
    corpus = draw(5, HELD_OUT)
    for size, smaller in ((16, 0), (64, 16)):
        sentences = corpus.held_out[size]
        lengths = encode(sentences, 2 * size)["attention_mask"].sum(axis=(1, 2))
        assert len(sentences) == HELD_OUT[size]
        assert all(smaller < length <= size for length in lengths)


def test_a_refused_sentence_counts_as_missed() -> None:
    found = Found(8, [3, 4, 5, 6], [1.0, 0.9995, None, 0.99], ["too large"], [0.0])
    mean, share = lines_of([found])
    assert mean.measured == pytest.approx(1 - (1.0 + 0.9995 + 0.99) / 3)
    assert share.measured == 0.5


def test_all_sentences_refused_meets_no_line() -> None:
    assert not any(line.met for line in lines_of([Found(8, [3], [None], ["too large"], [])]))


def test_repetitions_keep_their_loads() -> None:
    walls = [(3.0, 1.0), (1.0, 0.5), (2.0, 4.0)]
    found = [Repetition(Usage(wall, wall / 2, 7), load, load + 1) for wall, load in walls]
    assert median_wall_s(found) == 2.0
    facts = facts_of(found)
    assert (facts["least_wall_s"], facts["median_cpu_s"]) == (1.0, 1.0)
    assert [(run["load_before"], run["load_after"]) for run in facts["runs"]] == [  # type: ignore[attr-defined]
        (1.0, 2.0),
        (0.5, 1.5),
        (4.0, 5.0),
    ]

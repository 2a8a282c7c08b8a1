"""Sentences of many lengths, from English texts that are installed with Python and scikit-learn.

The language reference (`pydoc_data.topics`) and the descriptions of the toy data sets: prose,
figures, code and references, split at full stops.  Which sentences are taken follows from a seed
and the installed versions; a digest of them stands beside every result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pydoc_data import topics
from random import Random

from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
    load_wine,
)
from tokenizers import Tokenizer

from tests.models.minilm import published_folder
from zkdps.core.canonical import sha256_hex

DATASETS = (load_iris, load_wine, load_breast_cancer, load_digits, load_linnerud, load_diabetes)
SEED = 20


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sentences by the size that holds them."""

    calibration: Mapping[int, Sequence[str]]
    held_out: Mapping[int, Sequence[str]]

    @property
    def sha256(self) -> str:
        """Digest of all sentences in order."""
        parts = [
            sentence
            for part in (self.calibration, self.held_out)
            for size in sorted(part)
            for sentence in part[size]
        ]
        return sha256_hex("\n".join(parts).encode())


def draw(calibration: int, held_out: Mapping[int, int]) -> Corpus:
    """So many sentences for each size, the two parts without a sentence in common.

    Args:
        calibration: sentences of each size.
        held_out: tokens of a model, one of several sizes, to the number of sentences for it; a
            sentence is of the smallest size that holds it.
    """
    sizes = sorted(held_out)
    tokenizer = Tokenizer.from_file(str(published_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    by_size: dict[int, list[str]] = {size: [] for size in sizes}
    sentences = _all_sentences()
    for sentence, encoded in zip(sentences, tokenizer.encode_batch(sentences), strict=True):
        holding = [size for size in sizes if len(encoded.ids) <= size]
        if holding:
            by_size[holding[0]].append(sentence)
    chosen = {}
    for size in sizes:
        chosen[size] = Random(SEED).sample(by_size[size], calibration + held_out[size])
    return Corpus(
        {size: found[:calibration] for size, found in chosen.items()},
        {size: found[calibration:] for size, found in chosen.items()},
    )


def _all_sentences() -> list[str]:
    """Every sentence once, in order."""
    texts = [topics.topics[name] for name in sorted(topics.topics)]
    texts += [load().DESCR for load in DATASETS]
    found: dict[str, None] = {}
    for text in texts:
        for paragraph in re.split(r"\n\s*\n", text):
            joined = " ".join(paragraph.split())
            for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z\"'(])", joined):
                if re.search(r"[A-Za-z]{2}", sentence):
                    found[sentence] = None
    return list(found)

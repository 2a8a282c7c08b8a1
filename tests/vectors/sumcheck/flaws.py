"""One flaw each, and how `verify` must say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.vectors.edits import (
    flipped,
    rebound,
    replaced,
    with_block,
    with_proof,
    with_receipt,
    with_receipts,
    with_statement,
    with_value,
)
from tests.vectors.record import Expected
from tests.vectors.sumcheck.chain import Bench, lifted
from zkdps.core.canonical import canonical_json, sha256_hex
from zkdps.core.model_key import ModelKey
from zkdps.core.run import Run
from zkdps.provers.sumcheck.field import P

Made = Run | tuple[Run, ModelKey]
Make = Callable[[Bench], Made]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One way to be wrong."""

    name: str
    sentence: str
    expected: Expected
    make: Make


FLAWS: dict[str, Flaw] = {}


def flaw(
    name: str, sentence: str, *, check: int, says: str, block: int | None = None
) -> Callable[[Make], Make]:
    """Register a flaw."""

    def register(make: Make) -> Make:
        if name in FLAWS:
            raise ValueError(f"two flaws are called {name!r}")
        FLAWS[name] = Flaw(name, sentence, Expected(1, "CheckFailed", check, block, says), make)
        return make

    return register


# --- real proofs in the wrong place -------------------------------------------------------------


def _spliced(bench: Bench, *blocks: int) -> Run:
    """Some blocks run on another input; all proofs are of this run."""
    (traces, _), (others, _) = bench.traces("first"), bench.traces("second")
    mixed = [others[i] if i in blocks else trace for i, trace in enumerate(traces)]
    return bench.run(mixed, *bench.ends("first"))


@flaw(
    "spliced_first_block",
    "Block 0 is proved on another input, for this very run.",
    check=6,
    block=1,
    says="block 1 read another 'h' than block 0 wrote",
)
def _(bench: Bench) -> Run:
    return _spliced(bench, 0)


@flaw(
    "spliced_middle_block",
    "Block 1 is proved on another input, for this very run.",
    check=6,
    block=1,
    says="block 1 read another 'h' than block 0 wrote",
)
def _(bench: Bench) -> Run:
    return _spliced(bench, 1)


@flaw(
    "spliced_last_block",
    "Block 2 is proved on another input, for this very run.",
    check=6,
    block=2,
    says="block 2 read another 'r' than block 0 wrote",
)
def _(bench: Bench) -> Run:
    return _spliced(bench, 2)


@flaw(
    "crossed_boundary",
    "Block 1 is proved over block 0's two outputs in the wrong order.",
    check=6,
    block=1,
    says="block 1 read another 'h' than block 0 wrote",
)
def _(bench: Bench) -> Run:
    traces, known = bench.traces("first")
    crossed = bench.executed(1, (known["r"], known["h"]))
    return bench.run([traces[0], crossed, traces[2]], *bench.ends("first"))


@flaw(
    "receipt_of_another_run",
    "Block 1 comes from a run on another input: its proof names that run.",
    check=5,
    block=0,
    says="",
)
def _(bench: Bench) -> Run:
    return with_receipt(bench.honest(), 1, bench.honest("second").receipts[1])


@flaw("swapped_proofs", "Blocks 1 and 2 carry each other's proofs.", check=5, block=1, says="")
def _(bench: Bench) -> Run:
    run = bench.honest()
    first, second = (run.receipts[block].proof.data for block in (1, 2))
    return with_proof(with_proof(run, 1, second), 2, first)


@flaw(
    "dropped_last_block",
    "The run ends before the model does.",
    check=4,
    block=2,
    says="block 2 is missing",
)
def _(bench: Bench) -> Run:
    run = bench.honest()
    return with_receipts(run, *run.receipts[:-1])


@flaw("repeated_block", "Block 1 stands twice.", check=4, block=1, says="more than once")
def _(bench: Bench) -> Run:
    run = bench.honest()
    return with_receipts(run, run.receipts[0], run.receipts[1], run.receipts[1])


@flaw("reordered_blocks", "Blocks 1 and 2 change places.", check=4, says="")
def _(bench: Bench) -> Run:
    run = bench.honest()
    return with_receipts(run, run.receipts[0], run.receipts[2], run.receipts[1])


# --- claims -------------------------------------------------------------------------------------


@flaw(
    "other_input_claimed",
    "Every block ran on another input; the run claims the known one, and carries it.",
    check=7,
    block=0,
    says="the values of 'a' are not those the run proved",
)
def _(bench: Bench) -> Run:
    traces, _ = bench.traces("second")
    return bench.run(traces, *bench.ends("first"), with_tensors=True)


@flaw(
    "carried_output_off_by_one",
    "The run carries and claims an output one step from the proved one.",
    check=8,
    block=2,
    says="the values of 'y' are not those the run proved",
)
def _(bench: Bench) -> Run:
    return _claiming(bench, "y", 1)


@flaw(
    "carried_output_plus_p",
    "The run carries and claims an output whose residues are the proved ones.",
    check=8,
    block=2,
    says="they leave its range",
)
def _(bench: Bench) -> Run:
    return _claiming(bench, "y", P)


@flaw(
    "carried_input_plus_a_word",
    "The run carries and claims an input whose 32-bit words are the proved ones.",
    check=7,
    block=0,
    says="they leave its range",
)
def _(bench: Bench) -> Run:
    return _claiming(bench, "a", 1 << 32)


def _claiming(bench: Bench, name: str, change: int) -> Run:
    traces, _ = bench.traces("first")
    inputs, outputs = bench.ends("first")
    for side in (inputs, outputs):
        if name in side:
            side[name] = lifted(side[name], change)
    return bench.run(traces, inputs, outputs, with_tensors=True)


@flaw("another_root", "Block 1 states another root for its input.", check=5, block=0, says="")
def _(bench: Bench) -> Run:
    """All claims have another id then, so the first proof is not of this run."""
    run = bench.honest()
    inputs = run.receipts[1].statement.inputs
    changed = with_value(inputs[0], flipped(inputs[0].value, 7))
    return with_statement(run, 1, inputs=(changed, *inputs[1:]))


# --- proofs -------------------------------------------------------------------------------------


def _changed(block: int, change: Callable[[bytes], bytes]) -> Make:
    def make(bench: Bench) -> Run:
        run = bench.honest()
        return with_proof(run, block, change(run.receipts[block].proof.data))

    return make


for _name, _sentence, _says, _change in (
    ("proof_empty", "There is no proof.", "cut off", lambda data: b""),
    ("proof_truncated", "The last digest is missing.", "cut off", lambda data: data[:-32]),
    ("proof_extended", "A byte follows the proof.", "after its end", lambda data: data + b"\0"),
    ("proof_doubled", "The proof stands twice.", "after its end", lambda data: data + data),
    ("proof_of_zeros", "Nothing but zeros.", "", lambda data: bytes(len(data))),
    ("proof_aux_root_flipped", "Another root of aux.", "", lambda data: flipped(data, 3)),
    (
        "proof_last_digest_flipped",
        "The last sibling of a path is another.",
        "not under the root",
        lambda data: flipped(data, len(data) - 1),
    ),
    (
        "proof_without_work",
        "The first nonce is another.",
        "does not show the work",
        lambda data: replaced(data, 32, b"\xff" * 8),
    ),
    (
        "proof_limb_not_canonical",
        "The first limb of the trees' roots is p.",
        "not below p",
        lambda data: replaced(data, 40, P.to_bytes(4, "little")),
    ),
):
    flaw(_name, _sentence, check=5, block=1, says=_says)(_changed(1, _change))


@flaw(
    "proof_reused_opening",
    "The second half of block 1's proof is of its run on another input.",
    check=5,
    block=1,
    says="",
)
def _(bench: Bench) -> Run:
    run, other = bench.honest(), bench.honest("second")
    mine, theirs = (r.receipts[1].proof.data for r in (run, other))
    return with_proof(run, 1, mine[: len(mine) // 2] + theirs[len(mine) // 2 :])


# --- keys ---------------------------------------------------------------------------------------


def _with_material(key: ModelKey, block: int, **members: bytes) -> ModelKey:
    names = {"system": "system.json", "tables": "tables.bin"}
    old = key.blocks[block]
    changed = {names[name]: data for name, data in members.items()}
    return with_block(key, block, replace(old, material={**old.material, **changed}))


def _with_system(key: ModelKey, block: int, edit: Callable[[Any], None]) -> ModelKey:
    record = json.loads(key.blocks[block].material["system.json"])
    edit(record)
    return _with_material(key, block, system=canonical_json(record))


def _bound_to(bench: Bench, key: ModelKey) -> Made:
    return rebound(bench.honest(), key), key


@flaw(
    "key_of_other_weights",
    "The key is that of a model with other weights in block 1.",
    check=5,
    block=0,
    says="",
)
def _(bench: Bench) -> Made:
    return _bound_to(bench, bench.key("retrained"))


@flaw(
    "key_with_fewer_queries",
    "The key asks for one query.",
    check=2,
    block=1,
    says="",
)
def _(bench: Bench) -> Made:
    key = _with_system(bench.key(), 1, lambda record: record["preset"].update(queries=1))
    return _bound_to(bench, key)


@flaw("key_without_work", "The key asks for no work.", check=2, block=0, says="")
def _(bench: Bench) -> Made:
    key = _with_system(bench.key(), 0, lambda record: record["preset"].update(grind_bits=0))
    return _bound_to(bench, key)


@flaw("key_with_other_tables", "tables.bin is another.", check=2, block=1, says="tables.bin")
def _(bench: Bench) -> Made:
    tables = bench.key().blocks[1].material["tables.bin"]
    return _bound_to(bench, _with_material(bench.key(), 1, tables=tables + bytes(4)))


@flaw("key_with_one_tag_twice", "Two tables share a tag.", check=2, block=1, says="tags")
def _(bench: Bench) -> Made:
    def edit(record: Any) -> None:
        record["tables"][1]["tag"] = record["tables"][0]["tag"]

    return _bound_to(bench, _with_system(bench.key(), 1, edit))


@flaw(
    "key_with_a_free_column",
    "A look-up that bounds an input is left out.",
    check=2,
    block=1,
    says="no look-up reads it",
)
def _(bench: Bench) -> Made:
    def edit(record: Any) -> None:
        target = record["inputs"][0]
        keys = {
            number
            for number, (_, _, views) in enumerate(record["forms"])
            if any(tensor == target for _, tensor, _ in views)
        }
        record["lookups"] = [
            lookup
            for lookup in record["lookups"]
            if lookup["key"] not in keys and lookup["value"] not in keys
        ]

    return _bound_to(bench, _with_system(bench.key(), 1, edit))


@flaw(
    "key_with_a_changed_weight",
    "Block 1's root of weights is another, with proofs that claim the old one.",
    check=5,
    block=0,
    says="",
)
def _(bench: Bench) -> Made:
    """All proofs name a run, and the run the key."""
    other = sha256_hex(b"other weights")
    key = _with_system(bench.key(), 1, lambda record: record.update(weights_root=other))
    return _bound_to(bench, key)

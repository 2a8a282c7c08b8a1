"""Provers that open something else than they committed to."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.provers.sumcheck.cheats import attempt, blocks
from tests.provers.sumcheck.cheats.attempt import (
    Claimed,
    accepted,
    argument_root,
    claimed,
    judged,
    kernels_of,
    proof_of,
    refused,
    sample,
)
from tests.provers.sumcheck.cheats.channels import recorded
from zkdps.provers.sumcheck import argument, commit, field, merkle, opening
from zkdps.provers.sumcheck.channel import Channel, Grind, ProverChannel
from zkdps.provers.sumcheck.field import Element, P
from zkdps.provers.sumcheck.functionals import Claim, Places, evaluate
from zkdps.provers.sumcheck.kernels.interface import I32, Kernels
from zkdps.provers.sumcheck.layout import Layout
from zkdps.provers.sumcheck.merkle import Codeword
from zkdps.provers.sumcheck.opening import Committed
from zkdps.provers.sumcheck.system import Preset, System
from zkdps.provers.sumcheck.transcript import Transcript


class Following(ProverChannel):
    """Makes `w` fit the claims, and perhaps `u` fit `w`, whatever was committed."""

    def __init__(self, degree: int, grind: Grind, also_u: bool) -> None:
        super().__init__(degree, grind)
        self.also_u = also_u
        self.kernels: Kernels = kernels_of(degree)
        self.layout: Layout
        self.places: Places
        self.claims: Sequence[Claim]
        self.drawn: list[Element] = []
        """Challenges since the opening began: gamma, then the point, last variable first."""
        self.rounds: list[list[Element]] = []
        self.missing: Element = ()
        """What w is more than it should be."""

    @property
    def point(self) -> list[Element]:
        return self.drawn[:0:-1]

    def elements(
        self, label: str, count: int, compute: Callable[[], Sequence[Element]]
    ) -> list[Element]:
        if label != "w":
            sent = super().elements(label, count, compute)
            if label == "t":
                self.rounds.append(sent)
            return sent
        (honest,) = compute()
        wanted = self._wanted()
        self.missing = field.sub(wanted, honest)
        return super().elements("w", 1, lambda: [wanted])

    def _wanted(self) -> Element:
        weights = field.powers(self.drawn[0], len(self.claims))
        claim = field.dot([c.value for c in self.claims], weights, self.kernels.degree)
        for (t0, t2), x in zip(self.rounds, self.drawn[1:], strict=True):
            slope = field.sub(field.sub(field.sub(claim, t0), t0), t2)
            claim = field.add(t0, field.mul(x, field.add(slope, field.mul(x, t2))))
        functional = evaluate(
            self.kernels, self.layout, self.places, self.claims, weights, self.point
        )
        return field.mul(claim, field.inverse(functional))

    def message(self, label: str, size_bytes: int, compute: Callable[[], bytes]) -> bytes:
        if label != "u" or not self.also_u:
            return super().message(label, size_bytes, compute)
        first = one = field.one(self.kernels.degree)
        for x in self.point[len(self.point) - self.layout.columns_log :]:
            first = field.mul(first, field.sub(one, x))
        words = list(struct.unpack(f"<{size_bytes // 4}I", compute()))
        change = field.mul(self.missing, field.inverse(first))
        words[: len(change)] = field.add(tuple(words[: len(change)]), change)
        return super().message(label, size_bytes, lambda: struct.pack(f"<{len(words)}I", *words))


def followed(case: Claimed, also_u: bool) -> bytes:
    """A proof whose opening starts as it must, and is led to a chosen end."""
    honest = opening.prove_or_check_opening

    def start(
        channel: Following,
        kernels: Kernels,
        preset: Preset,
        layout: Layout,
        places: Places,
        roots: Sequence[bytes],
        claims: Sequence[Claim],
        committed: Sequence[Committed] | None,
    ) -> None:
        channel.layout, channel.places, channel.claims = layout, places, claims
        draw = Transcript.challenge

        def seen(transcript: Transcript) -> Element:
            channel.drawn.append(draw(transcript))
            return channel.drawn[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Transcript, "challenge", seen)
            honest(channel, kernels, preset, layout, places, roots, claims, committed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argument, "prove_or_check_opening", start)
        return proof_of(case, lambda degree, grind: Following(degree, grind, also_u))


def _false() -> Claimed:
    return blocks.forged(blocks.softmax(), {"y.sum": lambda known: known["y.sum"] + 1})


def test_a_value_that_fits_the_claims() -> None:
    """w is what the claims ask for: the combined row has another value."""
    refused(_false(), followed(_false(), False), by="combined")


def test_a_combined_row_that_fits_the_claims() -> None:
    """u has that value: the opened columns are not its."""
    refused(_false(), followed(_false(), True), by="columns")


def test_following_an_honest_proof_changes_nothing() -> None:
    case = sample("squares")
    assert followed(case, True) == proof_of(case)


# --- Merkle paths -------------------------------------------------------------------------------


def _opened(case: Claimed) -> tuple[bytes, list[tuple[int, int]]]:
    """A proof, and (start, size) of columns and paths, commitment after commitment."""
    proof, sent = recorded(case)
    return proof, [(message.start, message.size) for message in sent if message.label == "opened"]


def test_columns_of_other_integers() -> None:
    case = sample("matmul")
    proof, opened = _opened(case)
    for start, size in opened[::2]:
        words = bytearray(proof[start : start + size])
        words[0] ^= 1
        refused(case, proof[:start] + bytes(words) + proof[start + size :], by="path")


def test_siblings_in_another_order() -> None:
    case = sample("product_127")
    proof, opened = _opened(case)
    tried = 0
    for start, size in opened[1::2]:
        if size >= 64:
            path = proof[start : start + size]
            swapped = path[32:64] + path[:32] + path[64:]
            refused(case, proof[:start] + swapped + proof[start + size :], by="path")
            tried += 1
    assert tried


def test_a_deeper_tree() -> None:
    """The root stands one level higher, so that an index has two leaves under it."""
    case = sample("squares")
    proof, opened = _opened(case)
    other = hashlib.sha256(b"another tree").digest()
    position = case.system.inputs[0]
    root = hashlib.sha256(b"\x01" + case.root(position) + other).digest()
    end = opened[1][0] + opened[1][1]
    for deeper in (proof, proof[:end] + other + proof[end:]):
        found = judged(case.system, [root], case.outputs, case.context, deeper)
        assert None not in found


def test_a_column_as_long_as_a_node() -> None:
    """A leaf's bytes cannot be passed off as two digests, nor digests as a leaf."""
    column = bytes(64)
    prefix = merkle.leaf_prefix(3, 4, 16) + struct.pack("<I", 0)
    assert hashlib.sha256(prefix + column).digest() != hashlib.sha256(b"\x01" + column).digest()
    assert prefix[:1] == b"\x00"


def _committed_otherwise(
    case: Claimed, change: Callable[[Codeword], Codeword]
) -> tuple[bytes, list[bytes], list[bytes]]:
    """A proof over changed code words, and the roots that they have."""
    honest = commit.commit

    def changed(system: System, kernels: Kernels, integers: I32) -> Committed:
        codeword = change(honest(system, kernels, integers).codeword.copy())
        return Committed(integers, codeword, kernels.merkle_heap(codeword, system.columns_log))

    with pytest.MonkeyPatch.context() as patch:
        for module in (argument, attempt):
            patch.setattr(module, "commit", changed)
        return proof_of(case), case.inputs, case.outputs


def test_words_that_are_not_canonical_under_an_own_root() -> None:
    """The tree is over words plus p, so every path is right: words must be below p."""

    def lifted(codeword: Codeword) -> Codeword:
        codeword[codeword < (1 << 32) - P] += np.uint32(P)
        return codeword

    case = sample("squares")
    proof, inputs, outputs = _committed_otherwise(case, lifted)
    for said in judged(case.system, inputs, outputs, case.context, proof):
        assert said is not None and "not below p" in said


def test_words_that_are_no_code_words() -> None:
    """One half of the columns are random."""

    def spoilt(codeword: Codeword) -> Codeword:
        half = len(codeword) // 2
        codeword[:half] = np.random.default_rng(1).integers(0, P, codeword[:half].shape)
        return codeword

    case = sample("matmul")
    proof, inputs, outputs = _committed_otherwise(case, spoilt)
    first, second = judged(case.system, inputs, outputs, case.context, proof)
    assert first is not None and "not those of the combined row" in first
    assert second is not None and "not of the combined row" in second


# --- other proofs' openings ---------------------------------------------------------------------


def _two_runs() -> tuple[Claimed, Claimed]:
    """The same System on two inputs."""
    case = blocks.honest(blocks.linear())
    ran = blocks.linear()
    other = blocks.forged(ran, {}, {"x": ran.inputs["x"][::-1].copy()})
    assert case.outputs != other.outputs
    return case, other


@pytest.mark.parametrize("label", ["t", "w", "u", "grind", "opened"])
def test_a_reused_opening(label: str) -> None:
    """The end of another proof, from a message on."""
    case, other = _two_runs()
    (mine, of_mine), (theirs, of_theirs) = recorded(case), recorded(other)
    cut = [m for m in of_mine if m.label == label][-1 if label == "grind" else 0].start
    start = [m for m in of_theirs if m.label == label][-1 if label == "grind" else 0].start
    refused(case, mine[:cut] + theirs[start:])


def test_a_spliced_boundary() -> None:
    """A proof of another input, or output, than the statement's."""
    case, other = _two_runs()
    mine, theirs = proof_of(case), proof_of(other)
    for inputs, outputs in (
        (other.inputs, case.outputs),
        (case.inputs, other.outputs),
        (other.inputs, other.outputs),
        (case.outputs, case.inputs),
    ):
        assert None not in judged(case.system, inputs, outputs, case.context, mine)
    refused(case, theirs)


def test_swapped_inputs() -> None:
    case = sample("product_3")
    found = judged(case.system, case.inputs[::-1], case.outputs, case.context, proof_of(case))
    assert None not in found


def test_roots_of_other_lengths_or_numbers() -> None:
    case = sample("product_3")
    proof = proof_of(case)
    for inputs in ([], case.inputs[:1], [*case.inputs, bytes(32)], [b"", b""]):
        assert None not in judged(case.system, inputs, case.outputs, case.context, proof)
    short = [case.inputs[0][:31], case.inputs[1]]
    assert None not in judged(case.system, short, case.outputs, case.context, proof)


def test_a_proof_of_another_run_or_block() -> None:
    case = sample("matmul")
    proof = proof_of(case)
    for context in (b"run 01, block 0", b"run 00, block 1", b""):
        refused(replace(case, context=context), proof)


# --- what a root says ---------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["columns_log", "rate", "shape"])
def test_a_root_is_of_one_layout(change: str) -> None:
    """The same integers, laid out otherwise, have another root."""
    case = sample("matmul")
    system, position = case.system, case.system.inputs[0]
    if change == "columns_log":
        system = replace(system, columns_log=4)
    elif change == "rate":
        system = replace(system, preset=replace(system.preset, rate_bits=2))
    else:
        tensors = list(system.tensors)
        tensors[position] = replace(tensors[position], shape=tensors[position].shape[::-1])
        system = replace(system, tensors=tuple(tensors))
    values = {
        **case.values,
        position: case.values[position].reshape(system.tensors[position].shape),
    }
    root = argument_root(system, position, values, kernels_of(4))
    assert root != case.root(position)


@pytest.mark.parametrize("name", ["squares", "window", "mixed"])
def test_no_claim_reaches_what_lies_behind_the_last_entry(name: str) -> None:
    """Rows are filled up, slots too; what a prover puts there enters no claim."""
    case = sample(name)
    seen: list[tuple[Layout, Places, Sequence[Claim]]] = []
    honest = opening.prove_or_check_opening

    def keep(channel: Channel, kernels: Kernels, preset: Preset, *rest: object) -> None:
        layout, places, _, claims, _ = rest
        seen.append((layout, places, claims))  # type: ignore[arg-type]
        honest(channel, kernels, preset, *rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argument, "prove_or_check_opening", keep)
        proof_of(case)
    layout, places, claims = seen[0]
    kernels = kernels_of(4)
    weights = field.powers((3, 1, 4, 1), len(claims))
    entries = {c.slot + i for c in layout.commitments for i in range(c.entries)}
    reached = set()
    for address in range(1 << layout.variables):
        bits = [address >> (layout.variables - 1 - i) & 1 for i in range(layout.variables)]
        point = [field.element(bit, 4) for bit in bits]
        if any(evaluate(kernels, layout, places, claims, weights, point)):
            reached.add(address)
    assert reached == entries


def test_weights_that_are_not_the_keys() -> None:
    """The prover has other weights, and a proof that is right for them."""
    case = sample("matmul")
    position = case.position("bias")
    values = {**case.values, position: case.values[position] + 4}
    output = case.position("y")
    values[output] = values[output] + 1
    own = claimed(replace(case.system, weights_root=""), blocks.with_counts(case.system, values))
    assert blocks.broken(own) == []
    accepted(own, proof_of(own))
    under_the_key = replace(own, system=case.system)
    refused(under_the_key, proof_of(own))
    refused(under_the_key, proof_of(under_the_key), by="path")

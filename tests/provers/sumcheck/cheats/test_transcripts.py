"""Everything that a verifier uses is absorbed before what depends on it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.provers.sumcheck import systems
from tests.provers.sumcheck.cheats.attempt import Claimed, proof_of, refused, sample
from tests.provers.sumcheck.cheats.channels import Recording, Sent, editing, plus_one, recorded
from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck import argument, field
from zkdps.provers.sumcheck.channel import Grind, VerifierChannel
from zkdps.provers.sumcheck.field import Element
from zkdps.provers.sumcheck.fractions_tree import reduce_tree
from zkdps.provers.sumcheck.system import System
from zkdps.provers.sumcheck.system_json import system_to_files
from zkdps.provers.sumcheck.transcript import Transcript
from zkdps.verifier_contracts.reference.sumcheck import fractions
from zkdps.verifier_contracts.reference.sumcheck.field import Field
from zkdps.verifier_contracts.reference.sumcheck.transcript import Messages


def states(case: Claimed) -> list[bytes]:
    """The transcript after every absorption and every draw."""
    seen: list[bytes] = []

    class Watching(Recording):
        def __init__(self, degree: int, grind: Grind) -> None:
            super().__init__(degree, grind)
            self.transcript = Watched(degree)

    class Watched(Transcript):
        def absorb(self, label: str, data: bytes) -> None:
            super().absorb(label, data)
            seen.append(self.state)

        def squeeze(self, count_bytes: int) -> bytes:
            drawn = super().squeeze(count_bytes)
            seen.append(self.state)
            return drawn

    proof_of(case, Watching)
    return seen


def _with_tensor(system: System, **fields: object) -> System:
    first, *rest = system.tensors
    return replace(system, tensors=(replace(first, **fields), *rest))  # type: ignore[arg-type]


def _with_table(system: System, **fields: object) -> System:
    first, *rest = system.tables
    return replace(system, tables=(replace(first, **fields), *rest))  # type: ignore[arg-type]


def _with_row(system: System) -> System:
    values = system.tables[0].values
    assert values is not None
    return _with_table(system, values=values + np.int32(1))


STATEMENTS: dict[str, Callable[[System], System]] = {
    "range": lambda s: _with_tensor(s, high=s.tensors[0].high + 1),
    "name": lambda s: _with_tensor(s, name="another"),
    "shape": lambda s: _with_tensor(s, shape=s.tensors[0].shape[::-1]),
    "table_row": _with_row,
    "table_low": lambda s: _with_table(s, low=s.tables[0].low + 1),
    "tag": lambda s: _with_table(s, tag=77),
    "label": lambda s: replace(s, labels=(replace(s.labels[0], name="u"), *s.labels[1:])),
    "form": lambda s: replace(s, forms=(replace(s.forms[0], constant=1), *s.forms[1:])),
    "relation": lambda s: replace(s, relations=s.relations[:-1]),
    "look_up": lambda s: replace(s, lookups=()),
    "bounds": lambda s: replace(s, bounds_sha256="77" * 32),
    "grinding": lambda s: replace(s, preset=replace(s.preset, grind_bits=0)),
    "queries": lambda s: replace(s, preset=replace(s.preset, queries=1)),
    "rate": lambda s: replace(s, preset=replace(s.preset, rate_bits=2)),
    "columns": lambda s: replace(s, columns_log=4),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_whatever_the_key_says_is_absorbed_first(name: str) -> None:
    """A prover who picks his statement after the challenges has none of them."""
    case = sample("squares")
    changed = STATEMENTS[name](case.system)
    assert system_to_files(changed) != system_to_files(case.system)
    honest = states(case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argument, "system_digest", lambda system: digest(changed))
        other = states(case)
    assert honest[0] == other[0]
    _all_differ(honest[1:], other[1:])


def digest(system: System) -> bytes:
    from zkdps.provers.sumcheck.system_json import system_digest

    return system_digest(system)


def _all_differ(first: list[bytes], second: list[bytes]) -> None:
    assert first and all(a != b for a, b in zip(first, second, strict=False))


def test_run_and_block_are_absorbed_before_any_challenge() -> None:
    case = sample("matmul")
    honest, other = states(case), states(replace(case, context=b"run 00, block 1"))
    assert honest[:2] == other[:2]
    _all_differ(honest[2:], other[2:])


def test_roots_and_public_values_are_absorbed_before_any_challenge() -> None:
    """protocol, system, context; then roots, public values, aux: all before the first draw."""
    case = sample("picked")
    position = case.system.public[0]
    values = {**case.values, position: case.values[position][:, ::-1].copy()}
    honest, other = states(case), states(replace(case, values=values))
    assert honest[:3] == other[:3]
    _all_differ(honest[3:], other[3:])


def test_multiplicities_are_committed_before_alpha() -> None:
    """A prover who counts after alpha is known has another alpha by then."""
    case = sample("matmul")
    position = case.system.tables[0].multiplicity
    values = {**case.values, position: case.values[position] + 1}
    (_, honest), (_, other) = recorded(case), recorded(replace(case, values=values))
    assert [m.label for m in honest][:3] == ["aux", "grind", "roots-of-trees"]
    _all_differ([m.state for m in honest], [m.state for m in other])


@pytest.mark.parametrize("name", ["matmul", "mixed", "picked", "outer"])
def test_every_message_changes_all_challenges_after_it(name: str) -> None:
    """The claims' values come before gamma, u before the indices: nothing is left out."""
    case = sample(name)
    _, honest = recorded(case)
    for label in ("roots-of-trees", "h", "children", "linear", "g", "factors", "t", "w"):
        if label not in {message.label for message in honest}:
            continue
        changed = _recorded_with(case, label)
        at = next(i for i, message in enumerate(honest) if message.label == label)
        assert [m.state for m in honest[:at]] == [m.state for m in changed[:at]]
        _all_differ([m.state for m in honest[at:]], [m.state for m in changed[at:]])


def _recorded_with(case: Claimed, label: str) -> list[Sent]:
    made: list[Recording] = []

    class Both(Recording):
        def elements(self, name: str, count: int, compute: Callable[[], object]) -> list[Element]:
            first = not any(message.label == name for message in self.sent)
            if name != label or not first:
                return super().elements(name, count, compute)  # type: ignore[arg-type]
            return super().elements(name, count, lambda: plus_one(list(compute())))  # type: ignore[call-overload]

    def channel(degree: int, grind: Grind) -> Recording:
        made.append(Both(degree, grind))
        return made[-1]

    proof_of(case, channel)
    return made[0].sent


def test_only_openings_are_not_absorbed() -> None:
    """They come last, after the indices that they are at."""
    for name in systems.NAMES:
        labels = [message.label for message in recorded(sample(name))[1]]
        assert "opened" not in labels[: labels.index("opened")]
        assert set(labels[labels.index("opened") :]) == {"opened"}
        before = labels[: labels.index("opened")]
        assert before[-2:] == ["u", "grind"]


def test_messages_have_types_and_lengths() -> None:
    """Absorbing is injective, and neither looks like drawing nor like work."""
    made = set()
    pairs = [("a", b"bc"), ("ab", b"c"), ("abc", b""), ("a", b"b"), ("", b"abc"), ("a", b"bc\x00")]
    for label, data in pairs:
        transcript = Transcript(4)
        transcript.absorb(label, data)
        made.add(transcript.state)
    twice = Transcript(4)
    twice.absorb("a", b"b")
    twice.absorb("a", b"c")
    drawn = Transcript(4)
    block = drawn.squeeze(32)
    made |= {twice.state, drawn.state, block}
    assert len(made) == len(pairs) + 3
    assert drawn.squeeze(32) != block


# --- a coordinate of 0 --------------------------------------------------------------------------


def _two_layers() -> tuple[tuple[Element, Element], bytes]:
    """Root and messages of a tree of two layers whose first challenge is 0."""
    one = field.one(4)
    words = [limb for element in (one, one, one, one) for limb in element]
    children = b"".join(word.to_bytes(4, "little") for word in words)
    return (field.element(2, 4), one), children + bytes(16 * 6)


def test_a_coordinate_of_zero_is_a_rejection() -> None:
    """h(1) would be the prover's choice."""

    class Zero(Transcript):
        def challenges(self, count: int) -> list[Element]:
            return [field.zero(4)] * count

    root, proof = _two_layers()
    channel = VerifierChannel(4, proof)
    channel.transcript = Zero(4)
    with pytest.raises(CheckFailed, match="0"):
        reduce_tree(channel, 2, root, None)


def test_a_coordinate_of_zero_is_a_rejection_of_the_reference_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, proof = _two_layers()
    tower = Field(4)
    messages = Messages(tower, proof)
    monkeypatch.setattr(Messages, "challenges", lambda self, count: (0,) * count)
    monkeypatch.setattr(Messages, "challenge", lambda self: 0)
    with pytest.raises(CheckFailed, match="coordinate is 0"):
        fractions._descend(messages, 2, tower.element(root[0]), tower.element(root[1]))


def test_a_claim_that_is_left_out() -> None:
    """The last factor's claim is worth as much as the first one's: gamma weighs them all."""
    case = sample("mixed")
    _, sent = recorded(case)
    factors = next(message.size for message in sent if message.label == "factors") // 16

    for number in range(factors):

        def lie(values: list[Element], number: int = number) -> list[Element]:
            changed = list(values)
            changed[number] = field.add(changed[number], field.one(4))
            return changed

        refused(case, proof_of(case, editing({("factors", 0): lie})), by="products")


def test_claims_that_trade_values() -> None:
    """Two factors change places: their product is the same, what they are of is not."""
    case = sample("outer")

    def swap(values: list[Element]) -> list[Element]:
        return [values[1], values[0], *values[2:]]

    refused(case, proof_of(case, editing({("factors", 0): swap})))
    case = sample("mixed")

    def rotate(values: list[Element]) -> list[Element]:
        return [values[1], values[2], values[0], *values[3:]]

    refused(case, proof_of(case, editing({("factors", 0): rotate})), by="claims")

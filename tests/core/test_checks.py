"""Each numbered check passes honest runs and fails on exactly its own flaw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from tests.core import synthetic
from zkdps.core import checks
from zkdps.core.errors import CheckFailed
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.model_key import ModelKey
from zkdps.core.policy import Policy
from zkdps.core.run import Run
from zkdps.core.srs import SrsKind
from zkdps.core.statement import Commitment, Coverage, Link


def _recognise(trust: Mapping[str, bytes]) -> bool:
    return synthetic.VERIFIER in trust.values()


def _all(key: ModelKey, run: Run, policy: Policy, given: bool = True) -> list[checks.Outcome]:
    """Checks 2-4, 6-8 and 11 in order, as the workflow runs them."""
    x = {"x": synthetic.tensor("x")} if given else None
    y = {"y": synthetic.tensor("y")} if given else None
    return [
        checks.check_key(key, run, policy),
        checks.check_srs(key, policy, _recognise, needs_srs=True),
        checks.check_blocks(key, run),
        checks.check_boundaries(key, run),
        checks.check_input(key, run, x, synthetic.commit, policy),
        checks.check_output(key, run, y, synthetic.commit, policy),
        checks.check_coverage(key, dict.fromkeys(range(3), Coverage.PROVED), policy),
    ]


def test_an_honest_run_passes_every_check() -> None:
    key, run = synthetic.key(), synthetic.run()
    outcomes = _all(key, run, Policy(key_digest=key.digest, input_required=True))
    assert [outcome.check for outcome in outcomes] == [2, 3, 4, 6, 7, 8, 11]
    assert {outcome.status for outcome in outcomes} == {checks.Status.PASSED}
    assert "DEVELOPMENT" in outcomes[1].detail


def test_without_input_and_output_the_report_says_so() -> None:
    outcomes = _all(synthetic.key(), synthetic.run(), Policy(), given=False)
    assert [outcome.check for outcome in outcomes if outcome.status is checks.Status.OPEN] == [7, 8]


def test_carried_tensors_stand_in_for_given_ones() -> None:
    outcomes = _all(synthetic.key(), synthetic.run(with_tensors=True), Policy(), given=False)
    assert {outcome.status for outcome in outcomes} == {checks.Status.PASSED}


OTHER = Commitment(Link.POLYCOMMIT, b"\x01" * 64)
HONEST = synthetic.run()


def _receipts(order: tuple[int, ...]) -> Run:
    return replace(HONEST, receipts=tuple(HONEST.receipts[i] for i in order))


FLAWED_RUNS: dict[str, tuple[int, Callable[[], Run]]] = {
    "another key's run": (2, lambda: replace(HONEST, key_digest="0" * 64)),
    "dropped block": (4, lambda: _receipts((0, 2))),
    "duplicated block": (4, lambda: _receipts((0, 1, 1, 2))),
    "reordered blocks": (4, lambda: _receipts((1, 0, 2))),
    "no blocks": (4, lambda: _receipts(())),
    "foreign block": (
        4,
        lambda: replace(
            HONEST,
            receipts=(
                *HONEST.receipts,
                replace(
                    HONEST.receipts[2], statement=replace(HONEST.receipts[2].statement, block=3)
                ),
            ),
        ),
    ),
    "missing commitment": (4, lambda: synthetic.with_statement(HONEST, 2, inputs=(OTHER,))),
    "other scheme": (
        4,
        lambda: synthetic.with_statement(
            HONEST, 1, inputs=(Commitment(Link.POSEIDON, b"\x01" * 32),)
        ),
    ),
    "foreign input claim": (
        4,
        lambda: replace(HONEST, input_digests={**HONEST.input_digests, "z": "0" * 64}),
    ),
    "no output claim": (4, lambda: replace(HONEST, output_digests={})),
    "foreign tensor": (4, lambda: replace(HONEST, tensors={"h": b""})),
    "cut boundary": (6, lambda: synthetic.with_statement(HONEST, 1, inputs=(OTHER,))),
    "cut residual": (
        6,
        lambda: synthetic.with_statement(
            HONEST, 2, inputs=(OTHER, HONEST.receipts[2].statement.inputs[1])
        ),
    ),
    "swapped boundary tensors": (
        6,
        lambda: synthetic.with_statement(
            HONEST, 2, inputs=HONEST.receipts[2].statement.inputs[::-1]
        ),
    ),
    "other input digest": (7, lambda: replace(HONEST, input_digests={"x": "0" * 64})),
    "carried input of another size": (7, lambda: replace(HONEST, tensors={"x": b"\x00" * 8})),
    "carried input of other values": (7, lambda: replace(HONEST, tensors={"x": b"\x01" * 32})),
    "other output digest": (8, lambda: replace(HONEST, output_digests={"y": "0" * 64})),
    "carried output of other values": (8, lambda: replace(HONEST, tensors={"y": b"\x01" * 16})),
}


@pytest.mark.parametrize("case", FLAWED_RUNS)
def test_each_flaw_fails_its_own_check(case: str) -> None:
    number, flawed = FLAWED_RUNS[case]
    with pytest.raises(CheckFailed) as caught:
        _all(synthetic.key(), flawed(), Policy())
    assert caught.value.check == number, caught.value


def test_check_2_wants_the_trusted_digest() -> None:
    with pytest.raises(CheckFailed) as caught:
        checks.check_key(synthetic.key(), HONEST, Policy(key_digest="0" * 64))
    assert caught.value.check == 2


@pytest.mark.parametrize(
    ("key", "policy"),
    [
        (synthetic.key(), Policy(production_srs=True)),
        (synthetic.key(SrsKind.CEREMONY), Policy()),
        (replace(synthetic.key(), trust={}), Policy()),
        (replace(synthetic.key(), trust={"srs-verifier.bin": b"another"}), Policy()),
    ],
    ids=["development refused", "development in disguise", "no SRS carried", "another SRS carried"],
)
def test_check_3(key: ModelKey, policy: Policy) -> None:
    with pytest.raises(CheckFailed) as caught:
        checks.check_srs(key, policy, _recognise, needs_srs=True)
    assert caught.value.check == 3


def test_check_3_wants_a_development_key_to_carry_the_development_srs() -> None:
    with pytest.raises(CheckFailed) as caught:
        checks.check_srs(synthetic.key(), Policy(), lambda trust: False, needs_srs=True)
    assert caught.value.check == 3
    key, demanding = synthetic.key(SrsKind.CEREMONY), Policy(production_srs=True)
    assert "ceremony" in checks.check_srs(key, demanding, lambda _: False, needs_srs=True).detail


def test_check_3_wants_an_srs_where_the_back_end_needs_one() -> None:
    key = replace(synthetic.key(), srs=None)
    with pytest.raises(CheckFailed) as caught:
        checks.check_srs(key, Policy(), _recognise, needs_srs=True)
    assert caught.value.check == 3
    outcome = checks.check_srs(key, Policy(), _recognise, needs_srs=False)
    assert outcome.status is checks.Status.ABSENT


@pytest.mark.parametrize("check", [7, 8])
def test_checks_7_and_8_refuse_other_values_and_missing_ones(check: int) -> None:
    key, name = synthetic.key(), "x" if check == 7 else "y"
    function = checks.check_input if check == 7 else checks.check_output
    wrong = FixedTensor(np.array(synthetic.tensor(name).integers) + 1, synthetic.SCALE_BITS)
    demanding = Policy(input_required=True, output_required=True)
    for given, policy in (({name: wrong}, Policy()), (None, demanding)):
        with pytest.raises(CheckFailed) as caught:
            function(key, HONEST, given, synthetic.commit, policy)
        assert caught.value.check == check


@pytest.mark.parametrize("weak", [Coverage.AGREED, Coverage.UNVERIFIED])
def test_check_11_holds_every_block_to_the_policy(weak: Coverage) -> None:
    coverage = {0: Coverage.PROVED, 1: weak, 2: Coverage.PROVED}
    with pytest.raises(CheckFailed) as caught:
        checks.check_coverage(synthetic.key(), coverage, Policy())
    assert (caught.value.check, caught.value.block) == (11, 1)
    if weak is Coverage.AGREED:
        checks.check_coverage(synthetic.key(), coverage, Policy(coverage=Coverage.AGREED))


def test_there_is_no_policy_that_demands_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Policy(coverage=Coverage.UNVERIFIED)

"""Choosing a back end: what it would ignore is refused, and only where it was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from zkdps.cli import run
from zkdps.core.errors import UsageConflict
from zkdps.provers import PROVERS
from zkdps.workflows.back_end import KNOWN_TO_ONE, open_prover, refuse_foreign
from zkdps.workflows.reports import Machine

MODEL = "zkdps/workflows/data/digits.onnx"


@pytest.mark.parametrize(
    ("option", "prover"),
    [
        *(("--security " + level, "ezkl") for level in ("100", "100-small", "128")),
        ("--joint", "ezkl"),
        ("--srs development", "sumcheck"),
        ("--srs ceremony", "auto"),
        ("--security 128 --for-contracts", "auto"),
        ("--security 128 --link public", "auto"),
        ("--for-contracts", "sumcheck"),
    ],
)
def test_what_a_back_end_would_ignore_is_wrong_usage(
    option: str, prover: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "P"
    asked = ["--prover", prover, *option.split()]
    assert run(["build", MODEL, "--data", MODEL, "-o", str(package), *asked]) == 2
    error, hint = capsys.readouterr().err.splitlines()[-2:]
    assert option.split()[0] in error and "drop" in error and hint.startswith("zkdps: hint: ")
    assert not package.exists(), "nothing was begun"


def test_a_plan_says_so_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", MODEL, "--security", "128"]) == 2
    assert "--security is for sumcheck, this is ezkl" in capsys.readouterr().err


def test_several_jobs_of_a_back_end_with_one(machine: Machine) -> None:
    asked = Machine(machine.cache, jobs=2)
    with pytest.raises(UsageConflict, match="--jobs"), open_prover("ezkl", asked):
        pass
    for jobs in (None, 1):
        with open_prover("ezkl", Machine(machine.cache, jobs=jobs)) as prover:
            assert prover.jobs == 1


@pytest.mark.parametrize("name", PROVERS)
def test_nothing_is_refused_that_was_not_given(name: str) -> None:
    refuse_foreign(name, dict.fromkeys(KNOWN_TO_ONE, None))
    refuse_foreign(name, dict.fromkeys(KNOWN_TO_ONE, False))
    mine = [option for option, only in KNOWN_TO_ONE.items() if only == name]
    refuse_foreign(name, dict.fromkeys(mine, "given"))

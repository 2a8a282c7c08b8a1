"""Every vector says what `verify` must say of it, to the class, the check and the block."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vectors import generate, record
from tests.vectors.honest import HONEST, INPUTS, KEYS, key_path, tensors_path
from tests.vectors.record import HOME, Vector
from tests.vectors.stored import Stored
from zkdps import cli
from zkdps.core.errors import CheckFailed, ZkdpsError
from zkdps.workflows.archive import read_archive
from zkdps.workflows.reports import Machine, Verdict
from zkdps.workflows.verify import verify

NAMES = record.names()
FLAWED = [name for name in NAMES if name.endswith("_fail")]
STORED_1 = [name for name in NAMES if not name.endswith("_fail")]
"""Of run version 1 and key version 1."""
MAX_TOTAL_BYTES = 8 << 20
ON_THE_COMMAND_LINE = [
    "honest_polycommit",
    "honest_with_tensors",
    "spliced_middle_block_fail",
    "proof_evaluation_flipped_fail",
    "json_deep_fail",
    "input_of_another_shape_fail",
    "production_srs_demanded_fail",
    "unknown_prover_fail",
]
CHANGE_THE_CALL_TOO = {
    # Whoever gives the output has it compared anyway; nobody does here.
    "claimed_output_digest_public_fail",
    # The run of one model is passed off under the key of another.
    "relabelled_key_digest_fail",
}
FOR_EVER = (
    "the stored vector {name} of version 1 no longer verifies.  A released version's files verify "
    "for ever: mend the reader.  `" + generate.COMMAND + " --fresh` makes new ones, and may be "
    "used only before version 1 is released, or into new folders for a new version."
)


def _verify(vector: Vector, machine: Machine) -> Verdict:
    call = vector.call
    return verify(
        vector.run_path(HOME),
        HOME / call.key,
        inputs=HOME / call.inputs if call.inputs else None,
        outputs=HOME / call.outputs if call.outputs else None,
        policy=call.policy(),
        machine=machine,
    )


@pytest.mark.parametrize("name", STORED_1)
def test_honest_vectors_verify_for_ever(name: str, machine: Machine, one_worker: object) -> None:
    try:
        verdict = _verify(record.read(name), machine)
    except ZkdpsError as error:
        pytest.fail(FOR_EVER.format(name=name) + f"\n{error}")
    assert [outcome.check for outcome in verdict.outcomes] == list(range(1, 12))


@pytest.mark.parametrize("name", FLAWED)
def test_each_flaw_is_caught_by_its_own_check(
    name: str, machine: Machine, one_worker: object
) -> None:
    vector = record.read(name)
    with pytest.raises(ZkdpsError) as caught:
        _verify(vector, machine)
    error, expected = caught.value, vector.expected
    assert type(error).__name__ == expected.error, error
    if isinstance(error, CheckFailed):
        assert (error.check, error.block) == (expected.check, expected.block), error
    assert error.exit_code == expected.exit_code, error
    assert expected.says and expected.says in str(error), error


@pytest.mark.parametrize("name", FLAWED)
def test_each_vector_has_no_other_flaw(name: str) -> None:
    """Without its flaw it is its base, which verifies: tested above.

    The flaw is in the run, or in the key (the run is bound to it), or in the call.
    """
    vector = record.read(name)
    assert vector.base in STORED_1
    base = record.read(vector.base)
    assert base.expected == record.Expected(0)
    assert (vector.run, vector.call) != (base.run, base.call), "nothing is different"
    fields = ("key", "inputs", "outputs", "key_digest", "require")
    changed = {each for each in fields if getattr(vector.call, each) != getattr(base.call, each)}
    if record.KEY in vector.files:
        assert changed <= {"key", "key_digest", "require"}
    elif vector.call.run is None and name not in CHANGE_THE_CALL_TOO:
        assert vector.run != base.run and not changed
    assert len(vector.sentence.splitlines()) == 1 and vector.sentence.endswith(".")


@pytest.mark.parametrize("name", ON_THE_COMMAND_LINE)
def test_exit_codes(name: str, machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    vector = record.read(name)
    words = vector.call.arguments(vector.run_path(HOME), HOME)
    code = cli.run([*words, "--quiet", "--cache", str(machine.cache)])
    printed = capsys.readouterr()
    assert code == vector.expected.exit_code, printed.err
    if code:
        assert printed.out == "" and vector.expected.says in printed.err
    else:
        assert printed.out


def test_flawed_vectors_are_made_again_byte_for_byte(tmp_path: Path) -> None:
    made = generate.make_flawed(tmp_path)
    assert sorted(made) == FLAWED, "folders and flaws differ: run " + generate.COMMAND
    for name in made:
        stored, fresh = _files(HOME / name), _files(tmp_path / name)
        assert stored == fresh, f"{name} is stale: run {generate.COMMAND}"


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_there_are_enough_and_they_are_small() -> None:
    assert len(FLAWED) >= 60
    assert set(STORED_1) == set(HONEST)
    files = [path for path in HOME.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    total = sum(path.stat().st_size for path in files)
    assert total < MAX_TOTAL_BYTES, f"tests/vectors has {total} bytes"
    used = {record.read(name).call.key for name in NAMES}
    assert used >= {key_path(name) for name in KEYS}, "a shared key is not used"


@pytest.mark.slow
def test_fresh_honest_vectors_have_the_same_keys_and_run_ids(
    tmp_path: Path, machine: Machine
) -> None:
    """Proofs are random; keys and run ids are not.  Tool versions are those of the day."""
    generate.make_honest(tmp_path, machine)
    old, new = Stored(), Stored(tmp_path)
    if old.key("polycommit").tools == new.key("polycommit").tools:
        for name in KEYS:
            assert old.key(name).members() == new.key(name).members(), name
        for name in HONEST:
            assert old.run(name).run_id == new.run(name).run_id, name
    for name in KEYS:
        stored, fresh = dict(old.key(name).manifest()), dict(new.key(name).manifest())
        assert {**stored, "tools": 0} == {**fresh, "tools": 0}, name
    for name in HONEST:
        assert old.run(name).claims()["statements"] == new.run(name).claims()["statements"], name
    for shared in (tensors_path(f"input-{of}") for of in INPUTS):
        assert read_archive(HOME / shared) == read_archive(tmp_path / shared)

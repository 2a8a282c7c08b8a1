"""Tensors that a user gets wrong: refused by name, before anything is made."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.faults.commands import Ended, assert_refused, called, listing
from tests.faults.conftest import Ground
from tests.faults.models import samples

GOOD = samples()[0]
Write = Callable[[Path], None]


def arrays(**named: Any) -> Write:
    return lambda path: np.savez(path, **named)


def with_value(value: float, like: Any = GOOD) -> Any:
    array = like.copy()
    array.flat[0] = value
    return array


def raw(data: bytes) -> Write:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


def npz_bytes(**named: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def npy_bytes(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def pickled(path: Path) -> None:
    np.savez(path, x=np.array([{"not": "numbers"}], dtype=object))


def npz_of(declared_bytes: int) -> bytes:
    """An npz whose one array says that it has 2**40 elements, in a zip entry of that size."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)}
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.npy", head.getvalue())
        # The central directory is written on closing, from this record.
        if declared_bytes:
            archive.getinfo("x.npy").file_size = declared_bytes
    return buffer.getvalue()


INPUTS: dict[str, tuple[str, str, Write]] = {
    "nan": ("MalformedTensor", "NaN", arrays(x=with_value(float("nan")))),
    "infinity": ("MalformedTensor", "infinity", arrays(x=with_value(float("inf")))),
    "too_large": ("MalformedTensor", "too large", arrays(x=with_value(1e30, GOOD))),
    "wrong_shape": ("ShapeMismatch", "[1, 4], got [4]", arrays(x=GOOD[0])),
    "batch": ("ShapeMismatch", "[1, 4], got [12, 1, 4]", arrays(x=samples())),
    "text_array": ("MalformedTensor", "not numbers", arrays(x=np.array([["a", "b", "c", "d"]]))),
    "complex": ("MalformedTensor", "not numbers", arrays(x=GOOD.astype(np.complex64))),
    "missing": ("MalformedTensor", "missing", arrays(z=GOOD)),
    "extra": ("MalformedTensor", "'z'", arrays(x=GOOD, z=GOOD)),
    "empty_npz": ("MalformedTensor", "missing", arrays()),
    "pickle": ("UnreadableFile", "", pickled),
    "bare_pickle": (
        "UnreadableFile",
        "",
        raw(b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00K\x01."),
    ),
    "truncated": ("UnreadableFile", "", raw(npz_bytes(x=GOOD)[:-40])),
    "bad_member": ("UnreadableFile", "", raw(npz_bytes(x=GOOD).replace(b"descr", b"dscrr"))),
    "text_file": ("UnreadableFile", "", raw(b"1 2 3 4\n")),
    "empty_file": ("UnreadableFile", "", raw(b"")),
    "one_array": ("UnreadableFile", "one array", raw(npy_bytes(GOOD))),
    "bomb": ("UnreadableFile", "", raw(npz_of(1 << 40))),
    "lying_header": ("UnreadableFile", "not its size", raw(npz_of(0))),
    "folder": ("UnreadableFile", "", Path.mkdir),
    "nothing": ("UnreadableFile", "", lambda path: None),
}


@pytest.mark.parametrize("flaw", INPUTS)
def test_prove_refuses(ground: Ground, tmp_path: Path, flaw: str) -> None:
    name, fragment, write = INPUTS[flaw]
    file, run = tmp_path / "x.npz", tmp_path / "r.zkrun"
    write(file)
    before = listing(tmp_path), listing(ground.package)
    args = ["prove", ground.package, "--input", file, "-o", run, "--cache", ground.cache, "--json"]
    ended = called(*map(str, args))
    assert_refused(ended, name, 2, fragment)
    assert (listing(tmp_path), listing(ground.package)) == before


DATA: dict[str, tuple[str, str, Write]] = {
    "nan": ("MalformedTensor", "x", arrays(x=with_value(float("nan"), samples()))),
    "infinity": ("MalformedTensor", "x", arrays(x=with_value(float("-inf"), samples()))),
    "wrong_shape": ("ShapeMismatch", "x", arrays(x=samples()[:, :, :3])),
    "one_sample": ("MalformedTensor", "x", arrays(x=samples()[:1])),
    "no_samples": ("MalformedTensor", "x", arrays(x=samples()[:0])),
    "missing": ("MalformedTensor", "x", arrays(label=np.zeros(12, np.int64))),
    "extra": ("MalformedTensor", "z", arrays(x=samples(), z=samples())),
    "pickle": ("UnreadableFile", "", pickled),
    "truncated": ("UnreadableFile", "", raw(npz_bytes(x=samples())[:-40])),
    "text_file": ("UnreadableFile", "", raw(b"1,2,3\n")),
    "half_hdf5": ("UnreadableFile", "", raw(b"\x89HDF\r\n\x1a\n" + bytes(100))),
    "folder": ("UnreadableFile", "", Path.mkdir),
    "nothing": ("UnreadableFile", "", lambda path: None),
}


@pytest.mark.parametrize("flaw", DATA)
def test_build_refuses(ground: Ground, tmp_path: Path, flaw: str) -> None:
    name, fragment, write = DATA[flaw]
    file, package = tmp_path / "calib.npz", tmp_path / "PKG"
    write(file)
    before = listing(tmp_path)
    args = ["build", ground.folder / "model.onnx", "--data", file, "-o", package, "--blocks", "3"]
    ended = called(*map(str, args), "--cache", ground.cache, "--json")
    assert_refused(ended, name, 2, fragment)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("flaw", ["nan", "wrong_shape", "missing", "extra", "pickle", "folder"])
@pytest.mark.parametrize("option", ["--input", "--output"])
def test_verify_refuses(ground: Ground, tmp_path: Path, option: str, flaw: str) -> None:
    name, _, write = INPUTS[flaw]
    file = tmp_path / "x.npz"
    if option == "--output" and flaw in ("nan", "wrong_shape", "extra"):
        bad = {"nan": with_value(float("nan")), "wrong_shape": GOOD[0], "extra": GOOD}[flaw]
        write = arrays(y=bad, z=GOOD) if flaw == "extra" else arrays(y=bad)
    write(file)
    ended = verify(ground, option, file)
    if (option, flaw) == ("--output", "nan"):
        # A claimed output may be anybody's; that it cannot be a run's is a verdict on the claim.
        assert_refused(ended, "CheckFailed", 1, "check 8")
    else:
        assert_refused(ended, name, 2)


def verify(ground: Ground, option: str, file: Path) -> Ended:
    key = ground.package / "model.zkvk"
    return called(
        "verify", ground.run, "--key", key, option, file, "--cache", ground.cache, "--json"
    )


def test_another_input_or_output_is_a_failed_check(ground: Ground, tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    arrays(x=GOOD)(file)
    assert_refused(verify(ground, "--input", file), "CheckFailed", 1, "check 7")
    arrays(y=np.zeros((1, 4)))(file)
    assert_refused(verify(ground, "--output", file), "CheckFailed", 1, "check 8")


@pytest.mark.parametrize(("value", "block"), [(12_000.0, 0), (100.0, 0)])
def test_outside_what_was_calibrated(
    ground: Ground, tmp_path: Path, value: float, block: int
) -> None:
    """Beyond what the circuit holds, or only beyond the calibration data: nothing is proved, and
    nothing left.
    """
    file, run = tmp_path / "x.npz", tmp_path / "r.zkrun"
    arrays(x=np.full((1, 4), value, np.float32))(file)
    before = listing(tmp_path)
    args = ["prove", ground.package, "--input", file, "-o", run, "--cache", ground.cache, "--json"]
    ended = called(*map(str, args))
    assert_refused(ended, "OutOfRange", 1, f"block {block}: ")
    assert ended.error["block"] == block
    assert ended.started == ["executed"], "a block was proved before all were checked"
    assert listing(tmp_path) == before


def test_many_inputs_stop_at_the_first_that_fails(ground: Ground, tmp_path: Path) -> None:
    inputs, runs = tmp_path / "inputs", tmp_path / "runs"
    inputs.mkdir()
    arrays(x=GOOD)(inputs / "a.npz")
    arrays(x=with_value(float("nan")))(inputs / "b.npz")
    args = ["prove", ground.package, "--inputs-dir", inputs, "-o", runs, "--cache", ground.cache]
    ended = called(*map(str, args), "--json")
    assert_refused(ended, "MalformedTensor", 2, "NaN")
    assert sorted(path.name for path in runs.iterdir()) == ["a.zkrun"]

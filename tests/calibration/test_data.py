"""Every malformed data file has its error; equal data has an equal digest, whatever the format."""

from __future__ import annotations

import contextlib
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from zkdps.calibration import array_files
from zkdps.calibration.data import Samples, load_inputs, load_samples, load_split, split
from zkdps.core.errors import (
    InputError,
    MalformedTensor,
    MissingPackage,
    ShapeMismatch,
    UnreadableFile,
)
from zkdps.core.plan import TensorSpec

IMAGE = TensorSpec("image", (1, 2, 3), "float32")
TOKENS = TensorSpec("tokens", (4,), "int64")
SPECS = (IMAGE, TOKENS)


def _arrays(count: int = 5) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "image": rng.normal(size=(count, 1, 2, 3)).astype(np.float32),
        "tokens": rng.integers(0, 9, (count, 4)),
    }


def _write(path: Path, arrays: dict[str, Any]) -> Path:
    if path.suffix == ".npz":
        (np.savez_compressed if path.stem == "packed" else np.savez)(path, **arrays)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array
    else:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    return path


SUFFIXES = pytest.mark.parametrize("suffix", [".npz", ".h5", ".safetensors"])


@SUFFIXES
def test_formats_give_the_same_samples(tmp_path: Path, suffix: str) -> None:
    arrays = {**_arrays(), "label": np.arange(5)}
    found = load_samples(_write(tmp_path / f"data{suffix}", arrays), SPECS)
    assert len(found) == 5
    assert found.sha256 == load_samples(_write(tmp_path / "again.npz", arrays), SPECS).sha256
    for name in ("image", "tokens"):
        np.testing.assert_array_equal(found.arrays[name], arrays[name])
    assert found.labels is not None and found.labels.tolist() == [0, 1, 2, 3, 4]
    assert found.sample(2)["tokens"].tolist() == arrays["tokens"][2].tolist()


@SUFFIXES
def test_truncated_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = _write(tmp_path / f"data{suffix}", _arrays(200))
    whole = path.read_bytes()
    for kept in (0, 3, 9, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        with pytest.raises(UnreadableFile):
            load_samples(path, SPECS)


@pytest.mark.parametrize("name", ["data.npz", "packed.npz", "data.safetensors"])
@given(st.data())
def test_flipped_bytes_never_raise_anything_foreign(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    path = _write(tmp_path_factory.mktemp("flip") / name, _arrays())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        load_samples(path, SPECS)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"image": None}, MalformedTensor),
        ({"extra": np.zeros(5)}, MalformedTensor),
        ({"test_image": np.zeros((5, 1, 2, 3), np.float32)}, MalformedTensor),
        ({"image": np.zeros((5, 1, 3, 2), np.float32)}, ShapeMismatch),
        ({"image": np.zeros((1, 2), np.float32)}, ShapeMismatch),
        ({"image": np.float32(1)}, ShapeMismatch),
        ({"image": np.zeros((0, 1, 2, 3), np.float32)}, MalformedTensor),
        ({"image": np.zeros((4, 1, 2, 3), np.float32)}, MalformedTensor),
        ({"image": np.full((5, 1, 2, 3), np.nan, np.float32)}, MalformedTensor),
        ({"image": np.full((5, 1, 2, 3), -np.inf, np.float32)}, MalformedTensor),
        ({"image": np.full((5, 1, 2, 3), 1e300)}, MalformedTensor),
        ({"image": np.zeros((5, 1, 2, 3), np.complex64)}, MalformedTensor),
        ({"image": np.full((5, 1, 2, 3), "one")}, MalformedTensor),
        ({"tokens": np.zeros((5, 4))}, MalformedTensor),
        ({"tokens": np.full((5, 4), 1 << 63, np.uint64)}, MalformedTensor),
        ({"label": np.zeros(5)}, MalformedTensor),
        ({"label": np.zeros(4, np.int64)}, ShapeMismatch),
    ],
)
def test_wrong_arrays(tmp_path: Path, change: dict[str, Any], error: type[InputError]) -> None:
    arrays = {name: a for name, a in {**_arrays(), **change}.items() if a is not None}
    with pytest.raises(error) as caught:
        load_samples(_write(tmp_path / "data.npz", arrays), SPECS)
    assert next(iter(change)) in str(caught.value), "the message names the array"


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (exec, ("import sys; sys.zkdps_trap = True",))

    np.savez(tmp_path / "objects.npz", image=np.array([Trap()], dtype=object))
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Trap()))
    for name in ("objects.npz", "plain.pkl"):
        with pytest.raises(UnreadableFile):
            load_samples(tmp_path / name, SPECS)
    assert not hasattr(sys, "zkdps_trap")


def _npz(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def _npy(tmp_path: Path) -> bytes:
    np.save(tmp_path / "one.npy", np.zeros((5, 1, 2, 3), np.float32))
    return (tmp_path / "one.npy").read_bytes()


@pytest.mark.parametrize(
    "shape",
    [
        b"(999999999, 9)",
        b"(9000000000,",
        b"(-1, -1, 1, 30)",
        b"(5, 1, 2, 3.)",
        b"((((((((((((((",
    ],
)
def test_npz_that_lies_about_its_size(tmp_path: Path, shape: bytes) -> None:
    honest = _npy(tmp_path)
    lying = honest.replace(b"(5, 1, 2, 3), }" + b" " * 9, (shape + b", }").ljust(24))
    assert len(lying) == len(honest) and lying != honest
    with pytest.raises(UnreadableFile):
        load_samples(_npz(tmp_path / "data.npz", [("image.npy", lying)]), SPECS)


def test_npz_with_bytes_left_over(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="not its size"):
        path = _npz(tmp_path / "data.npz", [("image.npy", _npy(tmp_path) + b"more")])
        load_samples(path, SPECS)


def test_oversized_and_duplicated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npy = _npy(tmp_path)
    with pytest.warns(UserWarning, match="Duplicate"):
        path = _npz(tmp_path / "twice.npz", [("image.npy", npy), ("image.npy", npy)])
    with pytest.raises(UnreadableFile, match="twice"):
        load_samples(path, SPECS)
    with pytest.raises(UnreadableFile, match="no array"):
        load_samples(_npz(tmp_path / "other.npz", [("readme.txt", b"hello")]), SPECS)
    monkeypatch.setattr(array_files, "MAX_DATA_BYTES", 100)
    for suffix in (".npz", ".h5", ".safetensors"):
        with pytest.raises(UnreadableFile, match="at most 100"):
            load_samples(_write(tmp_path / f"data{suffix}", _arrays()), SPECS)


def test_hdf5_links_and_groups_are_refused(tmp_path: Path) -> None:
    other = _write(tmp_path / "other.h5", _arrays())
    for link in (h5py.SoftLink("/tokens"), h5py.ExternalLink(str(other), "image")):
        with h5py.File(tmp_path / "data.h5", "w") as file:
            file["tokens"] = _arrays()["tokens"]
            file["image"] = link
        with pytest.raises(UnreadableFile, match="link"):
            load_samples(tmp_path / "data.h5", SPECS)
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file.create_group("image")
    with pytest.raises(UnreadableFile, match="group"):
        load_samples(tmp_path / "data.h5", SPECS)


def test_no_file_no_format(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("image: 1, 2, 3")
    for name in ("absent.npz", "one.npy", "text.npz", "."):
        with pytest.raises(UnreadableFile):
            load_samples(tmp_path / name, SPECS)


def test_safetensors_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path / "data.safetensors", _arrays())
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(MissingPackage, match=r"zkdps\[operator\]"):
        load_samples(path, SPECS)


def test_batch_axis_may_be_left_out(tmp_path: Path) -> None:
    arrays = _arrays()
    flat = {**arrays, "image": arrays["image"][:, 0]}
    with_axis = load_samples(_write(tmp_path / "with.npz", arrays), SPECS)
    without = load_samples(_write(tmp_path / "without.npz", flat), SPECS)
    assert with_axis.sha256 == without.sha256


def test_inputs_have_no_axis_of_samples(tmp_path: Path) -> None:
    one = {name: array[0] for name, array in _arrays().items()}
    found = load_inputs(_write(tmp_path / "x.npz", one), SPECS)
    assert {name: array.shape for name, array in found.items()} == {
        "image": (1, 2, 3),
        "tokens": (4,),
    }
    with pytest.raises(ShapeMismatch):
        load_inputs(_write(tmp_path / "many.npz", _arrays()), SPECS)
    with pytest.raises(MalformedTensor, match="label"):
        load_inputs(_write(tmp_path / "x.npz", {**one, "label": np.int64(1)}), SPECS)


def test_held_out_as_the_file_gives_it(tmp_path: Path) -> None:
    held = {f"test_{name}": array for name, array in _arrays(3).items()}
    path = _write(tmp_path / "data.npz", {**_arrays(), **held, "test_label": np.arange(3)})
    found = load_split(path, SPECS)
    assert (len(found.calibration), len(found.held_out)) == (5, 3)
    assert found.calibration.labels is None and found.held_out.labels is not None
    del held["test_tokens"]
    with pytest.raises(MalformedTensor, match="test_tokens"):
        load_split(_write(tmp_path / "part.npz", {**_arrays(), **held}), SPECS)


@given(st.integers(2, 60))
def test_split_parts_are_disjoint_and_whole(count: int) -> None:
    samples = Samples({"x": np.arange(count, dtype=np.float32)}, np.arange(count))
    parts = split(samples)
    both = [*parts.calibration.arrays["x"], *parts.held_out.arrays["x"]]
    assert sorted(both) == list(range(count))
    assert len(parts.held_out) == max(1, count // 4)
    assert parts.sha256 == split(samples).sha256
    assert parts.sha256 != split(samples.take(range(count - 1, -1, -1))).sha256
    assert parts.held_out.labels is not None
    assert parts.held_out.labels.tolist() == parts.held_out.arrays["x"].tolist()


def test_one_sample_cannot_be_split() -> None:
    with pytest.raises(MalformedTensor):
        split(Samples({"x": np.zeros((1, 3), np.float32)}))

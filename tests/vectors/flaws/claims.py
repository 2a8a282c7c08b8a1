"""Flaws in what the run claims, what it carries, and what the auditor gives and demands."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tests.vectors import models
from tests.vectors.edits import sealed
from tests.vectors.flaws.registry import Flawed, flaw
from tests.vectors.honest import tensors_path
from tests.vectors.stored import Stored
from zkdps.core.run import Run
from zkdps.workflows.archive import encode_archive
from zkdps.workflows.tensor_files import read_tensors

OTHER = "0" * 64
OPEN = {"inputs": None, "outputs": None, "require": ()}
"""The auditor knows neither input nor output."""


def _npz(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    members = {}
    for name, array in arrays.items():
        member = io.BytesIO()
        np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
        members[f"{name}.npy"] = member.getvalue()
    return encode_archive(members)


def _output(stored: Stored) -> NDArray[np.generic]:
    return read_tensors(stored.home / tensors_path("output-polycommit-first"), ("y",))["y"]


def _carried(stored: Stored, name: str, data: bytes) -> Run:
    run = stored.run("honest_with_tensors")
    return replace(run, tensors={**run.tensors, name: data})


@flaw(
    "wrong_input",
    "The auditor's input is not the one that was proved.",
    check=7,
    block=0,
    says="the values of 'a' are not those the run proved",
)
def _(stored: Stored) -> Flawed:
    return Flawed(call={"inputs": tensors_path("input-second")})


@flaw(
    "wrong_second_input",
    "The auditor's `a` was proved, his `b` differs in one step of one element.",
    check=7,
    block=0,
    says="the values of 'b' are not those the run proved",
)
def _(stored: Stored) -> Flawed:
    arrays = {name: np.array(rows) for name, rows in models.samples(21, 1).items()}
    arrays["b"][0, 3] += np.float32(1 / (1 << models.SCALE_BITS))
    return Flawed(files={"inputs": _npz(arrays)})


@flaw(
    "wrong_input_public",
    "The auditor's input is not the one that was proved, in a run of open integers.",
    base="honest_public",
    check=7,
    block=0,
    says="the values of 'a' are not those the run proved",
)
def _(stored: Stored) -> Flawed:
    return Flawed(call={"inputs": tensors_path("input-second")})


@flaw(
    "wrong_input_poseidon",
    "The auditor's input is not the one that was proved, in a run of hashes.",
    base="honest_poseidon",
    check=7,
    block=0,
    says="the values of 'a' are not those the run proved",
)
def _(stored: Stored) -> Flawed:
    return Flawed(call={"inputs": tensors_path("input-second")})


@flaw(
    "wrong_output",
    "The claimed output belongs to another input.",
    check=8,
    block=2,
    says="the values of 'y' are not those the run proved",
)
def _(stored: Stored) -> Flawed:
    return Flawed(call={"outputs": tensors_path("output-polycommit-second")})


@flaw(
    "output_off_by_one_step",
    "One element of the claimed output is one fixed-point step too large.",
    check=8,
    block=2,
    says="the values of 'y' are not those the run proved",
)
def _(stored: Stored) -> Flawed:
    y = np.array(_output(stored), dtype=np.float64)
    y[0, 0] += 1 / (1 << models.SCALE_BITS)
    return Flawed(files={"outputs": _npz({"y": y})})


@flaw(
    "output_between_steps",
    "One element of the claimed output lies between two fixed-point steps.",
    check=8,
    says="holds values between the steps",
)
def _(stored: Stored) -> Flawed:
    y = np.array(_output(stored), dtype=np.float64)
    y[0, 0] += 1 / (1 << (models.SCALE_BITS + 2))
    return Flawed(files={"outputs": _npz({"y": y})})


@flaw(
    "input_of_another_shape",
    "The auditor's input has one element too many.",
    check=None,
    error="ShapeMismatch",
    exit_code=2,
    says="tensor 'a' must have shape [1, 4], got [1, 5]",
)
def _(stored: Stored) -> Flawed:
    arrays = dict(models.samples(21, 1))
    arrays["a"] = np.zeros((1, 5), dtype=np.float32)
    return Flawed(files={"inputs": _npz(arrays)})


@flaw(
    "input_with_nan",
    "The auditor's input holds NaN.",
    check=None,
    error="MalformedTensor",
    exit_code=2,
    says="holds NaN or infinity",
)
def _(stored: Stored) -> Flawed:
    arrays = {name: np.array(rows) for name, rows in models.samples(21, 1).items()}
    arrays["a"][0, 0] = np.nan
    return Flawed(files={"inputs": _npz(arrays)})


@flaw(
    "input_missing_a_tensor",
    "The auditor's file lacks one of the model's inputs.",
    check=None,
    error="MalformedTensor",
    exit_code=2,
    says="tensor 'b': is missing",
)
def _(stored: Stored) -> Flawed:
    return Flawed(files={"inputs": _npz({"a": models.samples(21, 1)["a"]})})


@flaw(
    "claimed_input_digest",
    "The run claims another digest of its input than that of the values proved.",
    check=7,
    block=0,
    says="the run claims another digest of 'a'",
)
def _(stored: Stored) -> Run:
    run = stored.run("honest_polycommit")
    return sealed(replace(run, input_digests={**run.input_digests, "a": OTHER}))


@flaw(
    "claimed_output_digest",
    "The run claims another digest of its output than that of the values proved.",
    check=8,
    block=2,
    says="the run claims another digest of 'y'",
)
def _(stored: Stored) -> Run:
    run = stored.run("honest_polycommit")
    return sealed(replace(run, output_digests={"y": OTHER}))


@flaw(
    "claimed_output_digest_public",
    "The run claims another digest than that of the open integers, and nobody gave the output.",
    base="honest_public",
    check=8,
    block=2,
    says="the run claims another digest of 'y'",
)
def _(stored: Stored) -> Flawed:
    run = stored.run("honest_public")
    return Flawed(sealed(replace(run, output_digests={"y": OTHER})), call=OPEN)


@flaw(
    "claims_of_other_outputs",
    "The run claims a digest for an output that the model does not have.",
    check=4,
    says="the run claims other outputs",
)
def _(stored: Stored) -> Run:
    run = stored.run("honest_polycommit")
    return sealed(replace(run, output_digests={**run.output_digests, "z": OTHER}))


@flaw(
    "claims_without_an_input",
    "The run claims no digest for one of the model's inputs.",
    check=4,
    says="the run claims other inputs",
)
def _(stored: Stored) -> Run:
    run = stored.run("honest_polycommit")
    return sealed(replace(run, input_digests={"a": run.input_digests["a"]}))


@flaw(
    "carried_input_changed",
    "The run carries other input values than it proved.",
    base="honest_with_tensors",
    check=7,
    block=0,
    says="the values of 'a' are not those the run proved",
)
def _(stored: Stored) -> Run:
    data = stored.run("honest_with_tensors").tensors["a"]
    return _carried(stored, "a", bytes([data[0] ^ 1]) + data[1:])


@flaw(
    "carried_output_changed",
    "The run carries other output values than it proved.",
    base="honest_with_tensors",
    check=8,
    block=2,
    says="the values of 'y' are not those the run proved",
)
def _(stored: Stored) -> Run:
    data = stored.run("honest_with_tensors").tensors["y"]
    return _carried(stored, "y", bytes([data[0] ^ 1]) + data[1:])


@flaw(
    "carried_output_too_short",
    "The run carries an output with one element too few.",
    base="honest_with_tensors",
    check=8,
    says="carried tensor: tensor 'y': has 24 bytes, expected 32",
)
def _(stored: Stored) -> Run:
    return _carried(stored, "y", stored.run("honest_with_tensors").tensors["y"][:-8])


@flaw(
    "carried_input_too_large",
    "The run carries an input integer beyond what fixed point holds.",
    base="honest_with_tensors",
    check=7,
    says="holds an integer too large for fixed point",
)
def _(stored: Stored) -> Run:
    data = stored.run("honest_with_tensors").tensors["a"]
    return _carried(stored, "a", (1 << 60).to_bytes(8, "little") + data[8:])


@flaw(
    "carried_foreign_tensor",
    "The run carries a tensor that is neither input nor output.",
    base="honest_with_tensors",
    check=4,
    says="the run carries a foreign tensor 'h'",
)
def _(stored: Stored) -> Run:
    return _carried(stored, "h", bytes(32))


@flaw(
    "production_srs_demanded",
    "The key was made with the development SRS, and the auditor demands a ceremony's.",
    check=3,
    says="a development SRS, whose secret is public, is not accepted here",
)
def _(stored: Stored) -> Flawed:
    return Flawed(call={"require": ("production-srs",)})


@flaw(
    "input_demanded",
    "The auditor demands that the input be compared, and gives none.",
    check=7,
    says="your policy demands the input, and you gave none",
)
def _(stored: Stored) -> Flawed:
    return Flawed(call={"inputs": None})


@flaw(
    "output_demanded",
    "The auditor demands that the output be compared, and gives none.",
    check=8,
    says="your policy demands the output, and you gave none",
)
def _(stored: Stored) -> Flawed:
    return Flawed(call={"outputs": None})


@flaw(
    "input_demanded_but_carried",
    "The auditor demands his own input; the one that the run carries does not do.",
    base="honest_with_tensors",
    check=7,
    says="your policy demands the input, and you gave none",
)
def _(stored: Stored) -> Flawed:
    return Flawed(call={"require": ("input",)})

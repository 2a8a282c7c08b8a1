"""The honest vectors, made freshly: build, prove, and one real proof of swapped tensors.

Proofs are random, so these are stored; keys and run ids come out the same every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.vectors import models
from tests.vectors.record import Call, Expected, Vector
from zkdps.core.fixed_point import FixedTensor, quantise
from zkdps.core.run import make_run
from zkdps.core.srs import SrsKind
from zkdps.core.statement import Link, Receipt
from zkdps.workflows.archive import encode_archive
from zkdps.workflows.back_end import open_prover
from zkdps.workflows.build import build
from zkdps.workflows.package import open_package
from zkdps.workflows.prove import prove
from zkdps.workflows.reports import Cuts, Machine
from zkdps.workflows.tensor_files import write_tensors

KEYS = {
    "polycommit": (2, Link.POLYCOMMIT),
    "poseidon": (2, Link.POSEIDON),
    "public": (2, Link.PUBLIC),
    "retrained": (7, Link.POLYCOMMIT),
}
"""Key name to the seed of block 1's weights and the link."""
INPUTS = ("first", "second", "swapped")
"""`swapped` is the first with `a` and `b` exchanged."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One honest vector."""

    key: str
    input: str
    sentence: str
    with_tensors: bool = False


HONEST = {
    "honest_polycommit": Recipe(
        "polycommit", "first", "An honest run linked by polynomial commitments."
    ),
    "honest_poseidon": Recipe("poseidon", "first", "An honest run linked by Poseidon hashes."),
    "honest_public": Recipe("public", "first", "An honest run linked by the integers themselves."),
    "honest_with_tensors": Recipe(
        "polycommit", "first", "An honest run that carries its input and output.", True
    ),
    "honest_other_input": Recipe(
        "polycommit", "second", "An honest run of the same model on another input."
    ),
    "honest_swapped_inputs": Recipe(
        "polycommit", "swapped", "An honest run whose two inputs have changed places."
    ),
    "honest_retrained": Recipe(
        "retrained", "first", "An honest run of a model whose middle block has other weights."
    ),
    "honest_public_other_input": Recipe(
        "public", "second", "An honest run on another input, linked by the integers themselves."
    ),
    "honest_poseidon_other_input": Recipe(
        "poseidon", "second", "An honest run on another input, linked by Poseidon hashes."
    ),
}
CROSSED = "ingredients/crossed.zkrun"
"""A run whose block 1 really was proved on (r, h): made with the proofs, used by a flaw."""


def key_path(name: str) -> str:
    """Where a shared key lies, relative to the vectors."""
    return f"keys/{name}.zkvk"


def tensors_path(of: str) -> str:
    """Where shared tensors lie, relative to the vectors."""
    return f"tensors/{of}.npz"


def make(home: Path, scratch: Path, machine: Machine) -> Iterator[Vector]:
    """Write shared keys, tensors and ingredients into `home`; the honest vectors, one by one."""
    for folder in ("keys", "tensors", "ingredients"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    _write_inputs(home)
    for name in KEYS:
        _build(name, home, scratch, machine)
    for name, recipe in HONEST.items():
        yield _prove(name, recipe, home, scratch, machine)
    _prove_crossed(home, scratch / "polycommit", machine)


def _write_inputs(home: Path) -> None:
    first, second = models.samples(21, 1), models.samples(22, 1)
    swapped = {"a": first["b"], "b": first["a"]}
    for name, arrays in zip(INPUTS, (first, second, swapped), strict=True):
        write_tensors(home / tensors_path(f"input-{name}"), arrays)


def _build(name: str, home: Path, scratch: Path, machine: Machine) -> None:
    seed, link = KEYS[name]
    model = scratch / "chain.onnx"
    model.write_bytes(models.chain(seed).SerializeToString(deterministic=True))
    write_tensors(scratch / "calibration.npz", models.calibration())
    report = build(
        model,
        scratch / "calibration.npz",
        scratch / name,
        cuts=Cuts(tensors=models.CUTS),
        scale_bits=models.SCALE_BITS,
        link=link,
        srs_kind=SrsKind.DEVELOPMENT,
        machine=machine,
    )
    (home / key_path(name)).write_bytes(report.key_path.read_bytes())


def _prove(name: str, recipe: Recipe, home: Path, scratch: Path, machine: Machine) -> Vector:
    inputs = tensors_path(f"input-{recipe.input}")
    outputs = tensors_path(f"output-{recipe.key}-{recipe.input}")
    report = prove(
        scratch / recipe.key,
        home / inputs,
        scratch / f"{name}.zkrun",
        with_tensors=recipe.with_tensors,
        machine=machine,
    )
    write_tensors(home / outputs, report.outputs)
    call = Call(
        key=key_path(recipe.key),
        inputs=None if recipe.with_tensors else inputs,
        outputs=None if recipe.with_tensors else outputs,
        key_digest=report.run.key_digest,
        require=() if recipe.with_tensors else ("input", "output"),
    )
    run = report.run_path.read_bytes()
    return Vector(name, recipe.sentence, None, call, Expected(0), run)


def _prove_crossed(home: Path, package_path: Path, machine: Machine) -> None:
    package = open_package(package_path)
    plan = package.key.plan
    arrays = models.samples(21, 1)
    given = {name: quantise(arrays[name], plan.specs[name]) for name in plan.inputs}
    known: dict[str, FixedTensor] = dict(given)
    receipts = []
    with open_prover("ezkl", machine) as prover:
        for circuit in package.circuits(prover):
            block = circuit.graph.block
            read = tuple(known[name] for name in block.inputs)
            sample = read[::-1] if block.index == 1 else read
            (trace,) = prover.execute(circuit, [sample])
            receipts.append(Receipt(*prover.prove(circuit, trace)))
            known.update(zip(block.outputs, trace.outputs, strict=True))
    outputs = {name: known[name] for name in plan.outputs}
    run = make_run(package.key.digest, tuple(receipts), given, outputs, with_tensors=False)
    (home / CROSSED).write_bytes(encode_archive(run.members()))

"""The model package: the operator's directory, made by `build`, read by `prove`.

    PKG/
    ├── model.zkvk          the public model key
    ├── sliced/             the rewritten model, the list of rewrites, one ONNX file per block
    ├── calibrated/         scale, ranges, parameters; accuracy report and plot; activations (HDF5)
    ├── circuits/0/ …       per block: circuit, settings, proving and verifying keys
    ├── joint/              with `--joint`: the keys of proofs of all blocks at once
    └── steps/              one record per step: digests of its inputs and files

All paths are relative; the directory may be moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from zkdps.core.errors import InputError, StalePackage
from zkdps.core.model_key import ModelKey
from zkdps.core.parse_key import parse_key
from zkdps.core.plan import Block, Plan, TensorSpec
from zkdps.core.prover import BlockGraph, Circuit, Prover
from zkdps.workflows.archive import read_archive
from zkdps.workflows.steps import damage, file_sha256
from zkdps.workflows.storage import read_bytes

KEY_NAME = "model.zkvk"
JOINT = "joint"
"""Folder of what joint proofs need, in packages whose key is for them."""
MAX_MEMBER_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class PackagedBlock:
    """A block that is compiled: its slice, which may be large, stays on disk."""

    block: Block
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True)
class Package:
    """A finished package."""

    root: Path
    key: ModelKey
    blocks: tuple[PackagedBlock, ...]

    def circuits(self, prover: Prover) -> tuple[Circuit, ...]:
        """Handles to the compiled blocks.

        Raises:
            StalePackage: files of a block are missing, or are not those of the key: a later build
                has begun and not finished.
        """
        found = []
        for block, key in zip(self.blocks, self.key.blocks, strict=True):
            folder = self.root / "circuits" / str(block.block.index)
            if not folder.is_dir():
                raise StalePackage(str(self.root), f"{folder.name} has no circuit")
            found.append(prover.open(block, key.parameters, folder))
            _compare_material(self.root, folder, key.material)
        return tuple(found)

    @contextmanager
    def explaining(self, circuit: Circuit) -> Iterator[None]:
        """Say of whatever failed whether the circuit's files are to blame.

        They are compared with their record only then: proving keys have gigabytes, and a proof
        made with a wrong one does not verify.

        Raises:
            StalePackage: a file is missing or was changed; else what the body raises.
        """
        try:
            yield
        except Exception as error:
            found = damage(self.root, f"circuits/{circuit.graph.block.index}")
            if found is None:
                raise
            raise StalePackage(str(circuit.directory), found) from error


def _compare_material(root: Path, folder: Path, material: Mapping[str, bytes]) -> None:
    """Commitment bases lie in the key alone; the other members lie beside the circuit too."""
    for name, data in material.items():
        file = folder / name
        if file.is_file() and read_bytes(file, MAX_MEMBER_BYTES) != data:
            reason = f"circuits/{folder.name}/{name} is not the key's: run `zkdps build` to its end"
            raise StalePackage(str(root), reason)


def package_key(root: Path) -> ModelKey:
    """The key of a package.

    Raises:
        StalePackage: no package, or unfinished.
    """
    path = root / KEY_NAME
    if not path.is_file():
        raise StalePackage(str(root), f"it has no {KEY_NAME}: the build did not finish")
    try:
        return parse_key(read_archive(path), str(path))
    except InputError as error:
        raise StalePackage(str(root), str(error)) from error


def open_package(root: Path, key: ModelKey | None = None) -> Package:
    """Read a package and compare its blocks with its key: `key`, if the caller has read it.

    Raises:
        StalePackage: no package, unfinished, or changed since it was built.
    """
    key = key or package_key(root)
    for block, recorded in zip(key.plan.blocks, key.blocks, strict=True):
        try:
            digest = file_sha256(root / "sliced" / f"{block.index}.onnx")
        except InputError as error:
            raise StalePackage(str(root), str(error)) from error
        if digest != recorded.onnx_sha256:
            raise StalePackage(str(root), f"sliced/{block.index}.onnx is not the key's")
    return Package(root, key, packaged_blocks(key.plan))


def at_scale(graph: BlockGraph, scale_bits: int) -> BlockGraph:
    """The same slice with its real tensors at `scale_bits`."""

    def scaled(spec: TensorSpec) -> TensorSpec:
        return replace(spec, scale_bits=scale_bits if spec.is_real else 0)

    return replace(
        graph,
        inputs=tuple(map(scaled, graph.inputs)),
        outputs=tuple(map(scaled, graph.outputs)),
    )


def packaged_blocks(plan: Plan) -> tuple[PackagedBlock, ...]:
    """The plan's blocks with tensors at the plan's scale."""
    specs = plan.specs
    return tuple(
        PackagedBlock(
            block,
            tuple(specs[name] for name in block.inputs),
            tuple(specs[name] for name in block.outputs),
        )
        for block in plan.blocks
    )


def block_graphs(plan: Plan, blocks: list[bytes]) -> tuple[BlockGraph, ...]:
    """The plan's blocks with their ONNX slices and tensors at the plan's scale."""
    return tuple(
        BlockGraph(placed.block, onnx, placed.inputs, placed.outputs)
        for placed, onnx in zip(packaged_blocks(plan), blocks, strict=True)
    )

"""Build: from a model and calibration data to a model package with its public key.

Each stage is a content-addressed step (`zkdps.workflows.steps`): a second build redoes only what
changed, and a killed one goes on where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx

from zkdps.calibration.chain import calibrate
from zkdps.calibration.data import Split, load_split
from zkdps.calibration.ranges import DEFAULT_MARGIN, graphs_at_scale
from zkdps.calibration.reference import FloatModels
from zkdps.calibration.scale_search import MAX_SCALE_BITS
from zkdps.circuits.dataflow import read_dataflow
from zkdps.circuits.dialect import Dialect
from zkdps.circuits.load import load_model
from zkdps.circuits.prepare import Prepared, prepare
from zkdps.circuits.slice import Sliced, slice_model
from zkdps.core.canonical import Json, sha256_hex
from zkdps.core.errors import StalePackage, UsageConflict
from zkdps.core.model_key import BlockKey, ModelIdentity, ModelKey
from zkdps.core.plan import Plan
from zkdps.core.prover import BlockGraph, Circuit, Parameters, Prover
from zkdps.core.srs import SrsKind
from zkdps.core.statement import Link
from zkdps.provers import SECURITY_LEVELS
from zkdps.workflows import independent, plan
from zkdps.workflows.archive import write_archive
from zkdps.workflows.back_end import (
    AUTO,
    choose_prover,
    joint_of,
    open_prover,
    refuse_foreign,
    settle_link,
)
from zkdps.workflows.observer import Observer, Silent
from zkdps.workflows.package import JOINT, KEY_NAME
from zkdps.workflows.reports import BuildReport, Cuts, Machine
from zkdps.workflows.step_records import read_chain, read_groups, write_chain, write_groups
from zkdps.workflows.steps import Steps
from zkdps.workflows.storage import exclusive, write_bytes
from zkdps.workflows.tools import tools_of

DEFAULT_SCALE_BITS = 8


def build(
    model: Path,
    data: Path,
    package: Path,
    *,
    cuts: Cuts,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    scale_bits: int | None = None,
    target_error: float | None = None,
    link: Link | None = None,
    margin: float = DEFAULT_MARGIN,
    prover: str = "ezkl",
    for_contracts: bool = False,
    security: str | None = None,
    joint: bool = False,
    srs_kind: SrsKind | None = None,
    machine: Machine,
    observer: Observer | None = None,
) -> BuildReport:
    """Build a model package.

    Args:
        model: an ONNX file.
        data: calibration samples (npz, HDF5 or safetensors), see `zkdps.calibration.data`.
        package: the directory to make or to bring up to date.
        cuts: how to cut the model.
        shapes: model input name to static shape, where the file leaves axes open.
        scale_bits: fixed-point scale of the chain; 8 if neither this nor `target_error` is given.
        target_error: choose the smallest scale whose end-to-end error is at most this.
        link: how boundaries are committed to; by default the back end's first scheme.
        margin: room beyond the ranges that calibration saw, as a factor.
        prover: name of the back end, or `auto`.
        for_contracts: contracts will verify the proofs; restricts `auto`.
        security: what proofs of sumcheck are to be worth; by default the first of
            `SECURITY_LEVELS`.
        joint: one proof for all blocks of a run, which is shorter, instead of one for each block.
        srs_kind: which SRS to make ezkl's keys with; by default a ceremony's if the cache has one.
        machine: where provers run, and what they may take.
        observer: hears of each step.

    Raises:
        UsageConflict: what was asked for contradicts itself, or is not for this back end.
        InputError, PlanError, CircuitError, SetupError, ProofError: see their classes; what was
            finished stays, and the same command goes on from there.
    """
    if scale_bits is not None and target_error is not None:
        raise UsageConflict("give --scale or --target-error, not both")
    if target_error is None and scale_bits is None:
        scale_bits = DEFAULT_SCALE_BITS
    watch = observer or Silent()
    name, why = choose_prover(prover, link, for_contracts)
    if prover == AUTO:
        watch.note(f"prover {name}: {why}")
    refuse_foreign(name, {"--security": security, "--joint": joint, "--srs": srs_kind})
    source = load_model(model)
    level = security or SECURITY_LEVELS[0]
    with exclusive(package), open_prover(name, machine, srs_kind, level, joint) as back_end:
        settled = settle_link(back_end, link)
        wish = (level, joint)
        job = _Build(package, source, dict(shapes or {}), settled, cuts, wish, back_end, watch)
        return job.run(model.stem, data, scale_bits, target_error, margin)


class _Build:
    """The steps of one build, which share these values."""

    def __init__(
        self,
        root: Path,
        source: onnx.ModelProto,
        shapes: dict[str, tuple[int, ...]],
        link: Link,
        cuts: Cuts,
        wish: tuple[str, bool],
        prover: Prover,
        observer: Observer,
    ) -> None:
        self._root = root
        self._source = source
        self._shapes = shapes
        self._link = link
        self._cuts = cuts
        self._security, self._joint = wish
        self._prover = prover
        self._observer = observer
        self._steps = Steps(root, observer)
        self._tools = tools_of(prover)

    def run(
        self,
        name: str,
        data: Path,
        scale_bits: int | None,
        target_error: float | None,
        margin: float,
    ) -> BuildReport:
        # Rewrites are exact at the scale they are made for and at every smaller one.
        self._steps.expect(3)
        rewrite_scale_bits = scale_bits or MAX_SCALE_BITS
        dialect = Dialect(self._prover.dialect)
        prepared = prepare(
            self._source, self._shapes, scale_bits=rewrite_scale_bits, dialect=dialect
        )
        # Before the first step: data that cannot be used leave nothing behind.
        flow = read_dataflow(prepared.model)
        data_split = load_split(data, [flow.specs[name] for name in flow.inputs])
        sliced = self._sliced(prepared, scale_bits or DEFAULT_SCALE_BITS)
        self._steps.expect(2 + len(sliced.graphs) + self._joint)
        folder = self._calibrated(prepared, sliced, data_split, scale_bits, target_error, margin)
        chain = read_chain(folder)
        scaled = sliced.plan.at_scale(chain.scale_bits)
        circuits = tuple(
            self._circuit(graph, chosen)
            for graph, chosen in zip(
                graphs_at_scale(sliced.graphs, scaled), chain.parameters, strict=True
            )
        )
        srs, trust = self._prover.trust(circuits)
        if self._joint:
            trust = {**trust, **self._joined(circuits)}
        key = ModelKey(
            model=ModelIdentity(
                name, prepared.source_sha256, prepared.circuit_sha256, rewrite_scale_bits
            ),
            plan=scaled,
            prover=self._prover.name,
            link=self._link,
            blocks=tuple(
                block_key(self._prover, graph, circuit, scaled)
                for graph, circuit in zip(sliced.graphs, circuits, strict=True)
            ),
            srs=srs,
            trust=trust,
            accuracy=chain.accuracy.for_key(),
            tools=self._tools,
        )
        for index in range(len(key.blocks)):
            name = independent.name_of(key, index)
            if name.startswith(independent.NO_NAME):
                self._observer.note(f"block {index} cannot be verified independently: {name}")
        path = self._root / KEY_NAME
        write_archive(path, key.members())
        return BuildReport(self._root, path, key, chain.accuracy.to_json())

    def _sliced(self, prepared: Prepared, scale_bits: int) -> Sliced:
        def make(folder: Path) -> None:
            asked = self._cuts.max_s is not None and self._prover.can_fit
            if asked and not self._prover.is_fitted:
                # Seconds of another machine would be no budget.
                self._observer.note("measuring this machine with two probe circuits, once")
                self._prover.fit()
            sliced = plan.cut(
                prepared.model,
                self._cuts,
                self._prover,
                scale_bits=scale_bits,
                link=self._link,
            )
            costs = plan.estimate(sliced, self._prover, scale_bits=scale_bits, link=self._link)
            plan.refuse_misfits(
                prepared.model,
                sliced,
                costs,
                self._cuts,
                self._prover,
                scale_bits=scale_bits,
                link=self._link,
            )
            flow = read_dataflow(prepared.model)
            groups = [flow.between(block.inputs, block.outputs) for block in sliced.plan.blocks]
            write_groups(folder, groups)
            write_bytes(folder / "model.onnx", prepared.model.SerializeToString(deterministic=True))
            write_bytes(
                folder / "rewrites.txt", "".join(map(plan.line, prepared.rewrites)).encode()
            )
            for graph in sliced.graphs:
                write_bytes(folder / f"{graph.block.index}.onnx", graph.onnx)

        inputs: Json = {
            "model": prepared.circuit_sha256,
            "cuts": {
                "blocks": self._cuts.blocks,
                "tensors": list(self._cuts.tensors),
                "max_ram_bytes": self._cuts.max_ram_bytes,
                "max_ms": None if self._cuts.max_s is None else round(self._cuts.max_s * 1000),
            },
            "link": self._link.value,
            "tools": self._tools,
        }
        folder = self._steps.run("sliced", inputs, make)
        return slice_model(prepared.model, read_groups(folder))

    def _calibrated(
        self,
        prepared: Prepared,
        sliced: Sliced,
        data: Split,
        scale_bits: int | None,
        target_error: float | None,
        margin: float,
    ) -> Path:
        def make(folder: Path) -> None:
            found = calibrate(
                self._prover,
                sliced.plan,
                sliced.graphs,
                data,
                FloatModels(self._source, prepared.model),
                scale_bits=scale_bits,
                target_error=target_error,
                link=self._link,
                margin=margin,
                directory=folder,
                progress=self._observer.progressed,
            )
            # The circuits are compiled again, with keys, by steps of their own.
            shutil.rmtree(folder / "blocks")
            write_chain(folder, found)

        inputs: Json = {
            "model": prepared.circuit_sha256,
            "source": prepared.source_sha256,
            "blocks": [sha256_hex(graph.onnx) for graph in sliced.graphs],
            "data": data.sha256,
            "scale_bits": scale_bits,
            "target_error": None if target_error is None else repr(target_error),
            "margin": repr(margin),
            "link": self._link.value,
            "security": self._security,
            "joint": self._joint,
            "tools": self._tools,
        }
        return self._steps.run("calibrated", inputs, make)

    def _circuit(self, graph: BlockGraph, parameters: Parameters) -> Circuit:
        def make(folder: Path) -> None:
            self._prover.setup(self._prover.compile(graph, parameters, folder))

        inputs: Json = {
            "onnx": sha256_hex(graph.onnx),
            "parameters": dict(parameters),
            "scales": [spec.scale_bits for spec in (*graph.inputs, *graph.outputs)],
            "srs": self._prover.setup_inputs(parameters),
            "tools": self._tools,
        }
        name = f"circuits/{graph.block.index}"
        try:
            return self._prover.open(graph, parameters, self._steps.run(name, inputs, make))
        except StalePackage:
            # Whole, but of other files: made before the back end wrote what it reads now.
            self._steps.forget(name)
        return self._prover.open(graph, parameters, self._steps.run(name, inputs, make))

    def _joined(self, circuits: Sequence[Circuit]) -> Mapping[str, bytes]:
        joint = joint_of(self._prover)

        def make(folder: Path) -> None:
            joint.join(circuits, folder)

        inputs: Json = [
            {name: sha256_hex(data) for name, data in self._prover.material(circuit, ()).items()}
            for circuit in circuits
        ]
        return joint.members(self._steps.run(JOINT, inputs, make))


def block_key(prover: Prover, graph: BlockGraph, circuit: Circuit, plan: Plan) -> BlockKey:
    """What the key holds of one block; `plan` is at the chain's scale."""
    ends = {*plan.inputs, *plan.outputs}
    specs = (*graph.inputs, *graph.outputs)
    committed = [spec for spec in specs if spec.name in ends]
    return BlockKey(sha256_hex(graph.onnx), circuit.parameters, prover.material(circuit, committed))

"""Blocks laid out in this process, kept for the calls to come."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

from zkdps.core.errors import LayoutFailed, StalePackage
from zkdps.core.prover import INTERIOR_BITS, BlockGraph
from zkdps.provers.sumcheck import stored
from zkdps.provers.sumcheck.build import Built, build
from zkdps.provers.sumcheck.choices import Choice, choice_of
from zkdps.provers.sumcheck.layout import layout_of
from zkdps.provers.sumcheck.program import Program
from zkdps.provers.sumcheck.system_json import system_from_files, system_to_files

KEPT_BLOCKS = 64


@dataclass(frozen=True, slots=True, eq=False)
class CompiledBlock:
    """One circuit, ready to execute."""

    graph: BlockGraph
    choice: Choice
    program: Program
    built: Built | None
    """`None` before calibration."""


_KEPT: OrderedDict[tuple[str, int, int], CompiledBlock] = OrderedDict()


def compiled(directory: Path) -> CompiledBlock:
    """The circuit in a folder, laid out; the same object while its files do not change.

    Raises:
        LayoutFailed: it cannot be laid out.
        StalePackage: a file is missing.
    """
    state = stored.member(directory, stored.CIRCUIT).stat()
    key = (str(directory), state.st_mtime_ns, state.st_ino)
    if key not in _KEPT:
        _KEPT[key] = _lay_out(directory)
        while len(_KEPT) > KEPT_BLOCKS:
            _KEPT.popitem(last=False)
    _KEPT.move_to_end(key)
    return _KEPT[key]


def write_system(directory: Path) -> None:
    """The System without the root of the weights, its tables and its bounds, once calibrated."""
    block = compiled(directory)
    if block.built is not None:
        text, tables = system_to_files(block.built.system)
        (directory / stored.SYSTEM).write_bytes(text)
        (directory / stored.TABLES).write_bytes(tables)
        (directory / stored.BOUNDS).write_bytes(block.built.bounds.to_file())


def entries(directory: Path) -> int:
    """Entries of all commitments of a calibrated block."""
    built = built_of(compiled(directory))
    return sum(commitment.entries for commitment in layout_of(built.system).commitments)


def built_of(block: CompiledBlock) -> Built:
    """The block's System and steps.

    Raises:
        LayoutFailed: it is not calibrated yet.
    """
    if block.built is None:
        raise LayoutFailed(block.graph.block.index, "it is not calibrated")
    return block.built


def complete(directory: Path) -> Built:
    """The block with the System of its key: the root of its weights is filled in.

    Raises:
        StalePackage: the folder's System is not the one that its slice and parameters give.
    """
    built = built_of(compiled(directory))
    text = stored.member(directory, stored.SYSTEM).read_bytes()
    tables = stored.member(directory, stored.TABLES).read_bytes()
    system = replace(built.system, weights_root=system_from_files(text, tables).weights_root)
    if system_to_files(system) != (text, tables):
        raise StalePackage(str(directory), "system.json is not the one of its slice")
    return replace(built, system=system)


def _lay_out(directory: Path) -> CompiledBlock:
    from zkdps.provers.sumcheck.lowering import lower

    circuit = stored.read_circuit(directory)
    choice = choice_of(circuit.parameters)
    program = lower(circuit.graph)
    return CompiledBlock(circuit.graph, choice, program, _built(circuit.graph, choice, program))


def _built(graph: BlockGraph, choice: Choice, program: Program) -> Built | None:
    if choice.interior is None:
        return None
    from zkdps.provers.sumcheck import widths

    maxima = {name: most / 2**INTERIOR_BITS for name, most in choice.interior.items()}
    index = graph.block.index
    chosen = widths.choose(program, maxima, choice.scale_bits, index)
    return build(program, chosen, choice.preset, choice.columns_log, index)

"""Blocks laid out in this process, kept for the calls to come."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

from zkdps.core.errors import LayoutFailed
from zkdps.core.prover import INTERIOR_BITS
from zkdps.provers.sumcheck import program_files, stored
from zkdps.provers.sumcheck.build import Built, build
from zkdps.provers.sumcheck.choices import Choice, choice_of
from zkdps.provers.sumcheck.layout import layout_of
from zkdps.provers.sumcheck.program import Program
from zkdps.provers.sumcheck.widths import WidthTable, choose

KEPT_BLOCKS = 64


@dataclass(frozen=True, slots=True, eq=False)
class CompiledBlock:
    """One circuit, ready to execute."""

    record: stored.Record
    choice: Choice
    program: Program
    widths: WidthTable | None
    """`None` before calibration."""
    built: Built | None
    """The same."""

    @property
    def index(self) -> int:
        """Of the block, for errors."""
        return self.record.block.index


_Key = tuple[str, int, int]

_KEPT: OrderedDict[_Key, CompiledBlock] = OrderedDict()


def compiled(directory: Path) -> CompiledBlock:
    """The circuit in a folder, laid out; the same object while its files do not change.

    Raises:
        LayoutFailed: it cannot be laid out.
        StalePackage: a file is missing.
    """
    key = _key(directory)
    if key not in _KEPT:
        # Weights in float64 are many bytes, and calibration is done with one block before the next.
        for other in [other for other, kept in _KEPT.items() if kept.built is None]:
            del _KEPT[other]
        _KEPT[key] = _lay_out(directory)
        while len(_KEPT) > KEPT_BLOCKS:
            _KEPT.popitem(last=False)
    _KEPT.move_to_end(key)
    return _KEPT[key]


def write_system(directory: Path) -> None:
    """Compile a calibrated block: the System without the root of its weights, and its program."""
    block = compiled(directory)
    if block.built is None or block.widths is None:
        return
    stored.write_system(directory, block.built.system)
    (directory / stored.BOUNDS).write_bytes(block.built.bounds.to_file())
    program_files.write_program(directory, block.program, block.widths, block.built)
    # From here on the program stands for the slice, and its integers for weights in float64.
    (directory / stored.BLOCK).unlink()
    del _KEPT[_key(directory)]


def entries(directory: Path) -> int:
    """Entries of all commitments of a calibrated block, which is laid out for this alone."""
    built = built_of(compiled(directory))
    del _KEPT[_key(directory)]
    return sum(commitment.entries for commitment in layout_of(built.system).commitments)


def built_of(block: CompiledBlock) -> Built:
    """The block's System and steps.

    Raises:
        LayoutFailed: it is not calibrated yet.
    """
    if block.built is None:
        raise LayoutFailed(block.index, "it is not calibrated")
    return block.built


def complete(directory: Path) -> Built:
    """The block with the System of its key: the root of its weights is filled in.

    Raises:
        StalePackage: the folder's System is not the one that its program and parameters give.
    """
    built = built_of(compiled(directory))
    reason = "system.json is not the one of its program"
    return replace(built, system=stored.completed(directory, built.system, reason))


def _key(directory: Path) -> _Key:
    state = stored.member(directory, stored.CIRCUIT).stat()
    return (str(directory), state.st_mtime_ns, state.st_ino)


def _lay_out(directory: Path) -> CompiledBlock:
    record = stored.read_record(directory)
    choice = choice_of(record.parameters)
    index = record.block.index
    widths: WidthTable | None = None
    if (directory / stored.PROGRAM).exists():
        program, widths = program_files.read_program(directory, index)
    else:
        from zkdps.provers.sumcheck.lowering import lower

        program = lower(stored.read_graph(directory, record))
        if choice.interior is not None:
            maxima = {name: most / 2**INTERIOR_BITS for name, most in choice.interior.items()}
            widths = choose(program, maxima, choice.scale_bits, index)
    built = None
    if widths is not None:
        built = build(program, widths, choice.preset, choice.columns_log, index)
    return CompiledBlock(record, choice, program, widths, built)

"""Prove an inference: execute the blocks in order, prove each, and bind them into one run file.

While it works, the execution and finished blocks lie in `RUN.partial/`; the same command after a
kill goes on at the block it was at.  All blocks are executed, and every value is checked against
the calibrated ranges, before the first is proved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from zkdps.core.errors import UsageConflict
from zkdps.workflows.back_end import open_prover
from zkdps.workflows.observer import Observer, Silent
from zkdps.workflows.package import Package, open_package, package_key
from zkdps.workflows.reports import Machine, ProveReport
from zkdps.workflows.storage import make_folder

if TYPE_CHECKING:
    from zkdps.core.prover import Prover


def prove(
    package: Path,
    inputs: Path,
    run: Path,
    *,
    with_tensors: bool = False,
    self_check: bool = False,
    machine: Machine,
    observer: Observer | None = None,
) -> ProveReport:
    """Prove one input and write the run.

    Args:
        package: a directory made by `build`.
        inputs: an npz with one array per model input, of the input's shape.
        run: the run file to write.
        with_tensors: carry the input's and output's integers in the run.
        self_check: verify each proof before it is handed out, also where the back end has no need.
        machine: where provers run, and what they may take.
        observer: hears of each block.

    Raises:
        InputError: the input is not one of this model.
        StalePackage: the package is unfinished or was changed.
        OutOfRange: the input drives a block beyond its calibrated range; nothing was proved.
        ProofError: a prover process failed; the same command goes on at that block.
    """
    with _opened(package, machine) as (opened, prover):
        # Imported when the workers are under way: it brings numpy.
        from zkdps.workflows.prove_run import prove_one

        return prove_one(
            opened, prover, inputs, run, with_tensors, self_check, observer or Silent()
        )


def prove_many(
    package: Path,
    inputs_dir: Path,
    runs_dir: Path,
    *,
    with_tensors: bool = False,
    self_check: bool = False,
    machine: Machine,
    observer: Observer | None = None,
) -> tuple[ProveReport, ...]:
    """Prove every `*.npz` in a folder, in order of name, into `runs_dir/NAME.zkrun`.

    Raises:
        UsageConflict: the folder holds no npz; and what `prove` raises, at the first that fails.
    """
    files = sorted(inputs_dir.glob("*.npz"))
    if not files:
        raise UsageConflict(f"{inputs_dir} holds no .npz file")
    with _opened(package, machine) as (opened, prover):
        from zkdps.workflows.prove_run import prove_one

        make_folder(runs_dir)
        return tuple(
            prove_one(
                opened,
                prover,
                file,
                runs_dir / f"{file.stem}.zkrun",
                with_tensors,
                self_check,
                observer or Silent(),
            )
            for file in files
        )


@contextmanager
def _opened(package: Path, machine: Machine) -> Iterator[tuple[Package, Prover]]:
    """The package and its back end, whose workers start while the blocks are still being read."""
    key = package_key(package)
    with open_prover(key.prover, machine, standby=len(key.blocks)) as prover:
        yield open_package(package, key), prover

"""The `zkdps` command: parse, call one workflow, render.

stdout holds the result and nothing else, for people or as one JSON object; progress and talk go to
stderr.  Exit codes are in `zkdps.terminal.failures`.  Workflows are imported inside the commands,
so that help is instant and an auditor's `verify` never loads what only `build` needs.

Options are named after the workflow's parameters, so what a command does not look at itself goes
through as `**asked`; a test compares the names with the workflows' signatures.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from zkdps import __version__
from zkdps.terminal import failures, options, pages, records, verdicts
from zkdps.terminal.options import PATH, POSITIVE, argument, option
from zkdps.terminal.problems import (
    clash,
    needs_run,
    none_given,
    not_a_folder,
    settle,
    unreadable,
    unwritable,
    verb,
)
from zkdps.terminal.srs_commands import srs_group
from zkdps.terminal.voice import Voice

if TYPE_CHECKING:
    from zkdps.workflows.reports import Machine

FAILED_EXIT = 1
UNREADABLE_EXIT = 2

SCALE_BITS = click.IntRange(1, 24)


def main() -> None:
    """Entry point of the `zkdps` command."""
    # Imports make what stays: looking for garbage in it as often as usual slows every start.
    gc.set_threshold(50_000, 20, 50)
    sys.exit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Run one command line; returns the exit code."""
    return failures.run(root, args or ["--help"])


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="zkdps %(version)s")
def root() -> None:
    """Prove that a sharded model really ran, and check such proofs offline.

    \b
    Examples:
      zkdps demo                                      all of it, on a digit
      zkdps plan model.onnx                           what it would cost
      zkdps build model.onnx --data calib.npz -o PKG
      zkdps prove PKG --input x.npz -o run.zkrun
      zkdps verify run.zkrun --key PKG/model.zkvk

    \b
    Exit codes:
      0 done, verified   1 a check failed   2 wrong usage or unreadable input
      70 a bug in zkdps (ZKDPS_DEBUG=1 shows where)   130 interrupted   141 stdout closed
    """


@verb(root, "demo")
@argument("name", type=click.Choice(["digits", "transformer"]), default="digits")
@option("--folder", type=PATH, help="Keep the package, key and run here.")
@options.prover
@options.on_machine
@options.watched
def demo_command(name: str, folder: Path | None, voice: Voice, **asked: Any) -> None:
    """Build, prove and verify a small model, and show the chain.

    \b
    Examples:
      zkdps demo
      zkdps demo transformer --folder demo-files
      zkdps demo transformer --prover sumcheck
    """
    settle()
    from zkdps.workflows.demo import demo

    with voice.watching() as observer:
        report = demo(name, folder, **asked, observer=observer)
    voice.emit(report, records.of_demo, pages.demo_page)


@verb(root, "plan")
@argument("model", type=PATH)
@options.shaping
@options.cutting
@option("--list-tensors", is_flag=True, help="List where the model can be cut, and stop.")
@option(
    "--scale",
    "scale_bits",
    type=SCALE_BITS,
    default=8,
    show_default=True,
    metavar="BITS",
    help="Fixed-point scale_bits of the estimate.",
)
@option(
    "--fit/--no-fit",
    default=True,
    show_default=True,
    help="Measure this machine with two probe circuits first, unless that was done before.",
)
@options.link
@options.proving_with
@options.on_machine
@options.watched
def plan_command(model: Path, list_tensors: bool, voice: Voice, **asked: Any) -> None:
    """Show blocks, boundaries and predicted costs before anything is built.

    \b
    Examples:
      zkdps plan model.onnx --max-ram 8GiB
      zkdps plan model.onnx --blocks 4 --shape tokens=1,128
      zkdps plan model.onnx --list-tensors
      zkdps plan model.onnx --cut /conv1/Relu_output_0
      zkdps plan model.onnx --prover sumcheck --blocks 6
    """
    settle(unreadable(model))
    from zkdps.workflows import plan as work

    if list_tensors:
        wanted = {name: asked[name] for name in ("shapes", "scale_bits", "prover")}
        tensors = work.list_tensors(model, **wanted)
        return voice.emit(tensors, records.of_tensors, pages.tensors_page)
    with voice.watching() as observer:
        report = work.plan(model, **asked, observer=observer)
    return voice.emit(report, records.of_plan, pages.plan_page)


@verb(root, "build")
@argument("model", type=PATH)
@option("--data", type=PATH, required=True, help="Calibration data: npz, HDF5 or safetensors.")
@option("-o", "--package", type=PATH, required=True, help="The model package, a folder.")
@options.shaping
@options.cutting
@option("--scale", "scale_bits", type=SCALE_BITS, metavar="BITS", help="Fixed-point scale_bits.")
@option("--target-error", type=POSITIVE, help="Largest error of an output; finds the scale.")
@options.link
@option(
    "--margin",
    type=click.FloatRange(min=1),
    default=2.0,
    show_default=True,
    help="Room beyond the ranges seen in calibration.",
)
@options.proving_with
@option("--joint", is_flag=True, help="One short proof for all blocks of a run (sumcheck).")
@options.srs_kind
@options.on_machine
@options.watched
def build_command(model: Path, data: Path, package: Path, voice: Voice, **asked: Any) -> None:
    """Make a model package and its public model key.  A killed build resumes.

    \b
    Examples:
      zkdps build model.onnx --data calib.npz -o PKG
      zkdps build model.onnx --data calib.h5 -o PKG --blocks 4 --target-error 0.01
      zkdps build model.onnx --data calib.npz -o PKG --prover sumcheck --scale 12
    """
    wanted = {"--scale": asked["scale_bits"], "--target-error": asked["target_error"]}
    settle(unreadable(model), unreadable(data), clash(wanted, "the error decides the scale"))
    from zkdps.workflows.build import build

    with voice.watching() as observer:
        report = build(model, data, package, **asked, observer=observer)
    voice.emit(report, records.of_build, pages.build_page)


@verb(root, "prove")
@argument("package", type=PATH)
@option("--input", "inputs", type=PATH, help="npz with one array per model input.")
@option("--inputs-dir", type=PATH, help="Prove every npz in this folder.")
@option(
    "-o",
    "--run",
    type=PATH,
    required=True,
    help="The run file; with --inputs-dir a folder for run files.",
)
@option("--output-file", type=PATH, help="Write the dequantised outputs here, as npz.")
@option("--with-tensors", is_flag=True, help="Carry input and output integers in the run.")
@option("--self-check", is_flag=True, help="Verify each proof; with ezkl that is always done.")
@options.max_ram
@options.on_machine
@options.side_by_side
@options.watched
def prove_command(
    package: Path,
    inputs: Path | None,
    inputs_dir: Path | None,
    run: Path,
    output_file: Path | None,
    max_ram: int | None,
    machine: Machine,
    voice: Voice,
    **asked: Any,
) -> None:
    """Execute a model on an input and prove every block.  A killed proof resumes.

    \b
    Examples:
      zkdps prove PKG --input x.npz -o run.zkrun --output-file y.npz
      zkdps prove PKG --inputs-dir inputs -o runs
      zkdps prove PKG --input x.npz -o run.zkrun --jobs 4
    """
    sources = {"--input": inputs, "--inputs-dir": inputs_dir}
    single = {"--inputs-dir": inputs_dir, "--output-file": output_file}
    settle(
        not_a_folder(package),
        unreadable(inputs),
        not_a_folder(inputs_dir),
        clash(sources, "prove one input or many"),
        none_given(sources, "what is to be proved?"),
        clash(single, "--json prints the outputs of many runs"),
        unwritable(run) if inputs_dir is None else None,
        unwritable(output_file),
    )
    from zkdps.workflows import prove as work

    asked["machine"] = replace(machine, memory_bytes=max_ram)
    with voice.watching() as observer:
        if inputs_dir is not None:
            reports = work.prove_many(package, inputs_dir, run, **asked, observer=observer)
            return voice.emit(reports, records.of_proves, pages.proves_page)
        report = work.prove(package, cast(Path, inputs), run, **asked, observer=observer)
    if output_file is not None:
        from zkdps.workflows.tensor_files import write_tensors

        write_tensors(output_file, report.outputs)
    return voice.emit(report, records.of_prove, pages.prove_page)


@verb(root, "verify")
@argument("run", type=PATH)
@option("--key", type=PATH, required=True, help="The model key, *.zkvk.")
@option("--input", "inputs", type=PATH, help="The input that you know, as npz (check 7).")
@option("--output", "outputs", type=PATH, help="The output that was claimed, as npz (check 8).")
@options.demanding
@options.on_machine
@options.side_by_side
@options.watched
def verify_command(run: Path, key: Path, voice: Voice, **asked: Any) -> None:
    """Check a run, offline.  Exit code 0 if and only if every check holds.

    \b
    Examples:
      zkdps verify run.zkrun --key model.zkvk
      zkdps verify run.zkrun --key model.zkvk --input x.npz --output y.npz
      zkdps verify run.zkrun --key model.zkvk --key-digest SHA256 --require-production-srs
      zkdps verify run.zkrun --key model.zkvk --independent
    """
    settle(*map(unreadable, (run, key, asked["inputs"], asked["outputs"])))
    from zkdps.workflows.verify import verify

    with voice.watching() as observer:
        verdict = verify(run, key, **asked, observer=observer)
    voice.emit(verdict, records.of_verdict, verdicts.verdict_page)


@verb(root, "report")
@argument("run", metavar="[FILE]", type=PATH, required=False)
@option("--key", type=PATH, help="The model key, *.zkvk.")
@option("-o", "--page", type=PATH, required=True, help="The HTML file to write.")
@option("--package", type=PATH, help="The operator's package, for the whole accuracy report.")
@option("--input", "inputs", type=PATH, help="The input that you know, as npz (check 7).")
@option("--output", "outputs", type=PATH, help="The output that was claimed, as npz (check 8).")
@options.demanding
@options.on_machine
@options.side_by_side
@options.watched
@click.pass_context
def report_command(
    context: click.Context,
    /,
    run: Path | None,
    key: Path | None,
    page: Path,
    package: Path | None,
    machine: Machine,
    voice: Voice,
    **asked: Any,
) -> None:
    """Verify a run and write a page about it; of a model key alone, write the key's page.

    The page needs no network and no script.  It is written for a failed run too, and the exit code
    is that of `verify`: 0 if and only if every check holds.

    \b
    Examples:
      zkdps report run.zkrun --key model.zkvk -o report.html
      zkdps report run.zkrun --key model.zkvk --package PKG --input x.npz -o report.html
      zkdps report model.zkvk -o model.html
    """
    alone = run is None or key is None
    settle(
        *map(unreadable, (run, key, asked["inputs"], asked["outputs"])),
        not_a_folder(package),
        unwritable(page),
        none_given({"FILE": run, "--key": key}, "what is the page to be of?"),
        needs_run(asked) if alone else None,
    )
    from zkdps.workflows import report as work

    with voice.watching() as observer:
        if run is None or key is None:
            found = work.report_key(cast(Path, key or run), page, package=package, machine=machine)
        else:
            found = work.report(
                run, key, page, package=package, **asked, machine=machine, observer=observer
            )
    voice.emit(found, records.of_page, verdicts.page_page)
    if found.failure is not None:
        context.exit(FAILED_EXIT)


@verb(root, "inspect")
@argument("path", metavar="FILE", type=PATH)
@option("--bounds", is_flag=True, help="Of a package: the static bounds of every relation.")
@options.speaking
@click.pass_context
def inspect_command(context: click.Context, /, path: Path, bounds: bool, voice: Voice) -> None:
    """Show what a model, package, key or run says of itself, trusting none of it.

    Exit code 2 where the file could be read only in part.

    \b
    Examples:
      zkdps inspect run.zkrun
      zkdps inspect PKG/model.zkvk --json
      zkdps inspect PKG --bounds
    """
    settle(not_a_folder(path) if bounds else unreadable(path))
    if bounds:
        from zkdps.workflows.bounds import inspect_bounds

        return voice.emit(inspect_bounds(path), records.of_bounds, verdicts.bounds_page)
    from zkdps.workflows.inspect import inspect

    inspection = inspect(path)
    voice.emit(inspection, records.of_inspection, verdicts.inspection_page)
    if inspection.problem is not None:
        context.exit(UNREADABLE_EXIT)


@root.group("key", no_args_is_help=False)
def key_group() -> None:
    """Work on model keys.

    \b
    Examples:
      zkdps key audit model.onnx model.zkvk
    """


@verb(key_group, "audit")
@argument("model", type=PATH)
@argument("key", type=PATH)
@options.shaping
@options.on_machine
@options.watched
def audit_command(model: Path, key: Path, voice: Voice, **asked: Any) -> None:
    """Recompute circuits and verifying keys from the model, and compare digests.

    \b
    Examples:
      zkdps key audit model.onnx model.zkvk
    """
    settle(unreadable(model), unreadable(key))
    from zkdps.workflows.audit import audit_key

    with voice.watching() as observer:
        report = audit_key(model, key, **asked, observer=observer)
    voice.emit(report, records.of_audit, verdicts.audit_page)


@verb(root, "doctor")
@options.on_machine
@options.speaking
@click.pass_context
def doctor_command(context: click.Context, /, machine: Machine, voice: Voice) -> None:
    """Say what is installed, what fits this machine, what is missing and how to get it.

    Exit code 1 if something is missing that zkdps cannot work without.

    \b
    Examples:
      zkdps doctor
    """
    settle()
    from zkdps.workflows.doctor import doctor

    findings = doctor(machine=machine)
    voice.emit(findings, records.of_findings, pages.findings_page)
    if any(finding.is_needed and not finding.is_fine for finding in findings):
        context.exit(FAILED_EXIT)


@verb(root, "warm")
@options.on_machine
@options.watched
def warm_command(machine: Machine, voice: Voice) -> None:
    """Compile the kernels of the sumcheck back end, so that the first proof need not.

    \b
    Examples:
      zkdps warm
    """
    settle()
    from zkdps.workflows.warm import warm

    with voice.watching() as observer:
        report = warm(machine=machine, observer=observer)
    voice.emit(report, records.of_warm, pages.warm_page)


root.add_command(srs_group)

if __name__ == "__main__":
    main()

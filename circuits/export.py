"""From a torch module to an ONNX model, with either of torch's exporters.

Node names keep the module they come from (`/layer1/layer1.0/conv1/Conv`), so that a model can be
cut at modules and blocks are named after them; what the dynamo exporter writes of the machine it
ran on (stack traces with paths) is removed.  torch is imported when used: nobody else needs it.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import onnx

from zkdps.circuits.scopes import NAME_SCOPES, metadata_scopes
from zkdps.core.errors import MissingPackage, StorageFailed, UnsupportedOperator, UsageConflict

if TYPE_CHECKING:
    import torch

Exporter = Literal["torchscript", "dynamo"]

DEFAULT_OPSET = {"torchscript": 17, "dynamo": 18}
"""What each exporter speaks best among the opsets that need no conversion."""


def export(
    module: torch.nn.Module,
    example_inputs: Sequence[torch.Tensor],
    path: Path | None = None,
    *,
    exporter: Exporter = "torchscript",
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset: int | None = None,
) -> onnx.ModelProto:
    """Export a torch module in evaluation mode, with the static shapes of the example.

    Args:
        module: left in the mode (training or not) that it was in.
        example_inputs: tensors to trace with, in the order of `forward`.
        path: where to write the model, weights inside; nothing is written by default.
        exporter: `torchscript` traces, `dynamo` captures the program (needs onnxscript).
        input_names: names of the graph's inputs; the exporter's own by default.
        output_names: names of the graph's outputs; the exporter's own by default.
        opset: ONNX operator set; see `DEFAULT_OPSET`.

    Raises:
        MissingPackage: torch (or onnxscript for `dynamo`) is not installed.
        UsageConflict: an unknown exporter.
        UnsupportedOperator: torch cannot express the module in ONNX.
        StorageFailed: `path` cannot be written.
    """
    if exporter not in DEFAULT_OPSET:
        raise UsageConflict(f"the exporter is 'torchscript' or 'dynamo', not {exporter!r}")
    _need_torch(exporter)
    arguments = {
        "input_names": None if input_names is None else list(input_names),
        "output_names": None if output_names is None else list(output_names),
        "opset_version": DEFAULT_OPSET[exporter] if opset is None else opset,
    }
    with _evaluation_mode(module), warnings.catch_warnings():
        # Deprecations of torch's own making: the reader of ours cannot act on them.
        warnings.simplefilter("ignore")
        model = _export(module, tuple(example_inputs), exporter, arguments)
    _name_after_modules(model)
    if path is not None:
        _write(model, path)
    return model


def _need_torch(exporter: Exporter) -> None:
    packages = ("torch", "onnxscript") if exporter == "dynamo" else ("torch",)
    for package in packages:
        try:
            __import__(package)
        except ImportError as error:
            raise MissingPackage(package, f"exporting with {exporter}", "torch") from error


def _export(
    module: torch.nn.Module,
    example_inputs: tuple[torch.Tensor, ...],
    exporter: Exporter,
    arguments: dict[str, Any],
) -> onnx.ModelProto:
    import torch

    failures = (torch.onnx.OnnxExporterError, torch.jit.Error, RuntimeError)
    try:
        if exporter == "dynamo":
            program: Any = torch.onnx.export(
                module, example_inputs, dynamo=True, verbose=False, **arguments
            )
            return program.model_proto
        with tempfile.TemporaryDirectory() as folder:
            # Through a file: torch puts the weights of large models beside it.
            written = Path(folder) / "model.onnx"
            torch.onnx.export(module, example_inputs, written, dynamo=False, **arguments)
            return onnx.load(written)
    except failures as error:
        raise UnsupportedOperator(
            operator=type(module).__name__,
            node="torch module",
            reason=f"torch cannot export it with {exporter}: {_first_line(error)}",
            remedy="try the other exporter, or replace what it names",
        ) from error


@contextmanager
def _evaluation_mode(module: torch.nn.Module) -> Iterator[None]:
    """Dropout off, batch statistics fixed; every submodule gets its own mode back."""
    modes = {child: child.training for child in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for child, mode in modes.items():
            child.training = mode


def _name_after_modules(model: onnx.ModelProto) -> None:
    taken = {node.name for node in model.graph.node}
    for node in model.graph.node:
        scopes = [entry.value for entry in node.metadata_props if entry.key == NAME_SCOPES]
        if scopes:
            parts = [*metadata_scopes(scopes[0]), node.name or node.op_type]
            node.name = _unique("/" + "/".join(parts), taken)
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    graph = model.graph
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.ClearField("metadata_props")
        value.ClearField("doc_string")
    model.graph.ClearField("metadata_props")
    model.ClearField("metadata_props")


def _unique(name: str, taken: set[str]) -> str:
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    taken.add(found)
    return found


def _write(model: onnx.ModelProto, path: Path) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(model.SerializeToString(deterministic=True))
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise StorageFailed(str(path), error.strerror or str(error)) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

"""Which torch module a node belongs to, read from what the exporters leave behind.

The TorchScript exporter names nodes `/layer1/layer1.0/conv1/Conv`; the dynamo exporter writes the
metadata `pkg.torch.onnx.name_scopes`, a list of dotted module paths that ends in the node's own
name.  Both become one dotted path, `layer1.0.conv1`; a node outside any module has the path `""`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

import onnx

NAME_SCOPES = "pkg.torch.onnx.name_scopes"
"""Metadata key of the dynamo exporter."""


def module_path(node: onnx.NodeProto) -> str:
    """Dotted path of the torch module that `node` comes from, `""` if it names none."""
    for entry in node.metadata_props:
        if entry.key == NAME_SCOPES:
            return join_scopes(metadata_scopes(entry.value))
    return join_scopes(node.name.split("/")[1:-1] if node.name.startswith("/") else ())


def metadata_scopes(text: str) -> tuple[str, ...]:
    """Module paths in a `name_scopes` entry, outermost first, the node's own name left out."""
    try:
        scopes = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        # The entry is an annotation of somebody's exporter: unreadable means "names no module".
        return ()
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        return ()
    return tuple(scope for scope in scopes[:-1] if scope)


def join_scopes(segments: Iterable[str]) -> str:
    """`["layer1", "layer1.0", "conv1"]` to `"layer1.0.conv1"`.

    A segment that repeats the one before it (a child of a container, or any dynamo scope) already
    is the longer path.
    """
    path: list[str] = []
    last = ""
    for segment in segments:
        if last and segment.startswith(last + "."):
            path.append(segment[len(last) + 1 :])
        else:
            path.append(segment)
        last = segment
    return ".".join(path)


def is_within(path: str, module: str) -> bool:
    """Whether the module at `path` is `module` or inside it."""
    return path == module or path.startswith(module + ".")


def common_module(paths: Sequence[str]) -> str:
    """The innermost module that holds all of `paths`, `""` if only the model does."""
    if not paths:
        return ""
    shared = paths[0].split(".")
    for path in paths[1:]:
        segments = path.split(".")
        agree = 0
        for mine, other in zip(shared, segments, strict=False):
            if mine != other:
                break
            agree += 1
        shared = shared[:agree]
    return ".".join(shared)

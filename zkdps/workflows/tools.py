"""What software made a file, as keys and step records name it."""

from __future__ import annotations

from importlib import metadata

from zkdps.core.prover import Prover


def tools_of(prover: Prover) -> dict[str, str]:
    """Tool name to version: everything whose change could change a key."""
    names = ("zkdps", "onnx", "onnx_ir", "numpy")
    found = {name: metadata.version(name) for name in names}
    return {**found, prover.name: prover.version}

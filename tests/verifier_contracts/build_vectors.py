"""Prove every circuit of `circuits.py` with ezkl and store what a verifier reads.

    python -m tests.verifier_contracts.build_vectors [NAME ...]

One folder a circuit: `vka.bin` (the words, as ezkl writes them), `proof.bin`, `instances.json`
(integers in hex), and what ezkl's own verifier needs: `vk.key`, `settings.json`.  The SRS is the
development one, so VKA and verifying key are reproducible; proofs are not (blinding).
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ezkl
import torch

from tests.verifier_contracts.circuits import CASES, CircuitCase
from zkdps.provers.ezkl.srs import make_development

VECTORS = Path(__file__).parent / "vectors"
SRS_CACHE = Path(tempfile.gettempdir()) / "zkdps-test-srs"
DECIMALS = 18
"""The value that zkdps fixes for every VKA: another one would change the key id."""


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Some of ezkl's functions return awaitables, and only inside a running loop."""

    async def run() -> Any:
        result = function(*arguments)
        return await result if inspect.isawaitable(result) else result

    return asyncio.run(run())


def run_arguments(case: CircuitCase) -> Any:
    """ezkl's settings for the case; weights are fixed columns of the key."""
    arguments: Any = ezkl.PyRunArgs()
    arguments.input_scale = arguments.param_scale = case.scale_bits
    arguments.scale_rebase_multiplier = 1
    arguments.logrows = case.logrows
    arguments.num_inner_cols = case.columns
    arguments.decomp_base = 1 << (case.logrows - 1)
    arguments.decomp_legs = 2
    arguments.input_visibility = arguments.output_visibility = case.visibility
    arguments.param_visibility = "fixed"
    arguments.lookup_range = case.lookup_range
    return arguments


def build_keys(
    case: CircuitCase, folder: Path, settings: Path | None = None, srs_cache: Path = SRS_CACHE
) -> None:
    """Model, settings, circuit, keys and VKA of the case, in `folder`.

    Args:
        settings: pinned settings; without them ezkl makes new ones, and its order of range checks
            (and with it the key) can differ.
        srs_cache: where the SRS lies or is made.
    """
    torch.manual_seed(0)
    module = case.module().eval()
    example = torch.randn(case.input_shape)
    torch.onnx.export(
        module, (example,), str(folder / "m.onnx"), opset_version=17, dynamo=False, verbose=False
    )
    values = {"input_data": [example.flatten().tolist()]}
    (folder / "input.json").write_text(json.dumps(values))
    at = {name: str(folder / name) for name in ("m.onnx", "settings.json", "c", "vk.key", "pk")}
    if settings is None:
        call(ezkl.gen_settings, at["m.onnx"], at["settings.json"], run_arguments(case))
        made = json.loads((folder / "settings.json").read_text())
        made["timestamp"] = 0
        (folder / "settings.json").write_text(json.dumps(made))
    else:
        (folder / "settings.json").write_bytes(settings.read_bytes())
    srs = str(make_development(case.logrows, srs_cache).path)
    call(ezkl.compile_circuit, at["m.onnx"], at["c"], at["settings.json"])
    call(ezkl.setup, at["c"], at["vk.key"], at["pk"], srs)
    vka = str(folder / "vka.bin")
    call(ezkl.create_evm_vka, at["vk.key"], at["settings.json"], vka, srs, DECIMALS)


def prove(case: CircuitCase, folder: Path, srs_cache: Path = SRS_CACHE) -> None:
    """A proof with the keys of `build_keys`: `proof.bin` and `instances.json`."""
    srs = str(make_development(case.logrows, srs_cache).path)
    witness, proof = str(folder / "witness.json"), str(folder / "proof.json")
    circuit, key = str(folder / "c"), str(folder / "vk.key")
    call(ezkl.gen_witness, str(folder / "input.json"), circuit, witness, key, srs)
    call(ezkl.prove, witness, circuit, str(folder / "pk"), proof, srs)
    record = json.loads((folder / "proof.json").read_text())
    (folder / "proof.bin").write_bytes(bytes(record["proof"]))
    # ezkl writes field elements as little-endian hex.
    (column,) = record["instances"]
    instances = [int.from_bytes(bytes.fromhex(value), "little") for value in column]
    (folder / "instances.json").write_text(json.dumps([hex(value) for value in instances]))


KEPT = ("vka.bin", "proof.bin", "instances.json", "vk.key", "settings.json")


def store(case: CircuitCase) -> None:
    """Build, prove and copy into `vectors/`."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        build_keys(case, folder)
        prove(case, folder)
        target = VECTORS / case.name
        target.mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            (target / name).write_bytes((folder / name).read_bytes())


if __name__ == "__main__":
    for chosen in CASES:
        if len(sys.argv) == 1 or chosen.name in sys.argv[1:]:
            store(chosen)

"""Every call of an ezkl function, with its files and limits; the only code that names them.

Failures leave as errors of zkdps (`zkdps.provers.failures`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

from zkdps.core.errors import LayoutFailed, MissingPackage, ProverFailed, ProverPanicked
from zkdps.core.statement import Usage
from zkdps.provers.engine import Engine, Limits, Request
from zkdps.provers.ezkl.settings import Choice
from zkdps.provers.failures import mapped

VERIFY_TIMEOUT_S = 300.0
"""Honest proofs take under a second; a hostile one may not hold an auditor up for longer."""

VERIFY_MEMORY_BYTES = 8 << 30
"""Honest verification takes some hundred megabytes; a hostile key may not take all there is."""

# Settings of the environment that change file formats or trust files on disk.
_ENVIRONMENT: dict[str, str | None] = {
    "EZKL_KEY_FORMAT": None,
    "EZKL_BUF_CAPACITY": None,
    "LOOKUP_CACHE": None,
    # A backtrace would crowd the panic's own words out of the message.
    "RUST_BACKTRACE": None,
}


VKA_DECIMALS = 18
"""Of the rescaling section, which no verifier of ours reads: fixed, for it enters the key id."""


class Runner:
    """ezkl behind an engine; safe to share between threads."""

    def __init__(self, limits: Limits) -> None:
        self.engine = Engine("ezkl", limits, _ENVIRONMENT)

    def gen_settings(self, block: int, onnx: Path, settings: Path, choice: Choice) -> None:
        """Lay the block out without weights' values and write ezkl's settings."""
        request = Request(
            "gen_settings", (onnx, settings), run_args=choice.run_args(), writes=(settings,)
        )
        self._lay_out(block, "gen_settings", settings, request)

    def compile(self, block: int, onnx: Path, circuit: Path, settings: Path) -> None:
        """Write the compiled circuit."""
        request = Request("compile_circuit", (onnx, circuit, settings), writes=(circuit,))
        self._lay_out(block, "compile", circuit, request)

    def _lay_out(self, block: int, step: str, where: Path, request: Request) -> None:
        try:
            with mapped(block, step, where):
                self.engine.call(request)
        except (ProverFailed, ProverPanicked) as error:
            raise LayoutFailed(block, error.reason) from error

    def setup(self, block: int, circuit: Path, vk: Path, pk: Path, srs: Path) -> Usage:
        """Write both keys, in a process of its own."""
        request = Request("setup", (circuit, vk, pk, srs), writes=(vk, pk))
        with mapped(block, "setup", pk.parent):
            return self.engine.once(request)[1]

    def gen_witness(self, block: int, inputs: Path, circuit: Path, witness: Path) -> None:
        """Execute the circuit's integers."""
        request = Request("gen_witness", (str(inputs), circuit, witness), writes=(witness,))
        with mapped(block, "execute", witness):
            self.engine.call(request)

    def prove(
        self, block: int, witness: Path, circuit: Path, pk: Path, proof: Path, srs: Path
    ) -> Usage:
        """Write a proof, in a process of its own."""
        request = Request("prove", (witness, circuit, pk, proof, srs), writes=(proof,))
        with mapped(block, "prove", proof):
            return self.engine.once(request)[1]

    def verify(self, block: int, proof: Path, settings: Path, vk: Path, srs: Path) -> bool:
        """Whether ezkl accepts a proof; it raises on most that it does not."""
        request = Request("verify", (proof, settings, vk, srs, True), returns=True)
        limits = replace(
            self.engine.limits,
            timeout_s=min(self.engine.limits.timeout_s, VERIFY_TIMEOUT_S),
            memory_bytes=min(
                self.engine.limits.memory_bytes or VERIFY_MEMORY_BYTES, VERIFY_MEMORY_BYTES
            ),
        )
        with mapped(block, "verify", proof):
            return self.engine.call(request, limits) is True

    def kzg_commit(
        self, block: int, felts: Sequence[str], vk: Path, settings: Path, srs: Path
    ) -> list[Any]:
        """ezkl's own commitment, one point a column."""
        request = Request("kzg_commit", (list(felts), vk, settings, srs), returns=True)
        with mapped(block, "commit", vk):
            points: list[Any] = self.engine.call(request)
            return points

    def create_vka(self, block: int, vk: Path, settings: Path, vka: Path, srs: Path) -> None:
        """Write the verifying-key artifact that contracts and the reference verifier read."""
        request = Request("create_evm_vka", (vk, settings, vka, srs, VKA_DECIMALS), writes=(vka,))
        with mapped(block, "key artifact", vka):
            self.engine.call(request)

    def poseidon_hash(self, block: int, felts: Sequence[str]) -> str:
        """ezkl's hash of a tensor's scalars, as a felt."""
        request = Request("poseidon_hash", (list(felts),), returns=True)
        with mapped(block, "hash", "memory"):
            return str(self.engine.call(request)[0])


def version() -> str:
    """ezkl's version, without importing it.

    Raises:
        MissingPackage: it is not installed.
    """
    try:
        return metadata.version("ezkl")
    except metadata.PackageNotFoundError as error:
        raise MissingPackage("ezkl", "the ezkl back end", "operator") from error


def read_json(path: Path) -> Any:
    """A file that ezkl wrote."""
    return json.loads(path.read_bytes())

"""ezkl as its own documentation uses it, each call in a process of its own that is measured.

The processes are those of `zkdps.provers.engine`, so that both sides of a comparison are started
and measured alike: CPU seconds by `wait4`, memory by the kernel's high-water mark of the process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zkdps.core.statement import Usage
from zkdps.provers.engine import Engine, Limits, Request
from zkdps.provers.ezkl.srs import make_development

CALLS = ("calibrate_settings", "compile_circuit", "setup", "gen_witness", "prove", "verify")
PUBLIC: Mapping[str, Any] = {
    "input_visibility": "public",
    "output_visibility": "public",
    "param_visibility": "fixed",
}


@dataclass(slots=True)
class BareBlock:
    """One ONNX file taken through ezkl's calls in its own folder."""

    folder: Path
    """Holds `block.onnx`; every file of ezkl's goes here."""
    engine: Engine
    usage: dict[str, Usage] = field(default_factory=dict)
    """Call to what it took."""

    def run(
        self,
        values: Sequence[NDArray[np.float32]],
        srs_cache: Path,
        target: str,
        run_args: Mapping[str, Any] = PUBLIC,
    ) -> None:
        """Settings, calibration on one sample, keys, witness, proof, verification.

        Args:
            values: the sample, one array a graph input.
            srs_cache: where an SRS of the size that calibration chooses lies or is made.
            target: ezkl's calibration target.
            run_args: where ezkl's own are not to be taken.
        """
        data = {"input_data": [value.ravel().tolist() for value in values]}
        self.path("input.json").write_text(json.dumps(data))
        self._call("gen_settings", "block.onnx", "settings.json", run_args=run_args)
        self._call("calibrate_settings", "input.json", "block.onnx", "settings.json", target)
        srs = str(make_development(self.logrows, srs_cache).path)
        self._call("compile_circuit", "block.onnx", "circuit.ezkl", "settings.json")
        self._call("setup", "circuit.ezkl", "vk.key", "pk.key", srs)
        self._call("gen_witness", "input.json", "circuit.ezkl", "witness.json")
        self._call("prove", "witness.json", "circuit.ezkl", "pk.key", "proof.json", srs)
        verified = self._call("verify", "proof.json", "settings.json", "vk.key", srs)
        if verified is not True:
            raise AssertionError(f"ezkl does not verify its own proof in {self.folder}")

    @property
    def settings(self) -> Mapping[str, Any]:
        """ezkl's settings as calibration left them."""
        found: dict[str, Any] = json.loads(self.path("settings.json").read_bytes())
        return found

    @property
    def logrows(self) -> int:
        """k."""
        return int(self.settings["run_args"]["logrows"])

    def path(self, name: str) -> Path:
        """A file of this block; what is absolute stays."""
        return self.folder / name

    def facts(self) -> dict[str, object]:
        """What to keep of it."""
        return {
            "logrows": self.logrows,
            "rows": self.settings["num_rows"],
            "pk_bytes": self.path("pk.key").stat().st_size,
            "proof_bytes": self.path("proof.json").stat().st_size,
            "calls": {name: usage_facts(self.usage[name]) for name in CALLS},
        }

    def _call(self, call: str, *args: str, run_args: Mapping[str, Any] | None = None) -> Any:
        files = [str(self.path(a)) if "." in a else a for a in args]
        result, self.usage[call] = self.engine.once(
            Request(call, tuple(files), run_args=run_args, returns=call == "verify")
        )
        return result


def bare_engine(timeout_s: float) -> Engine:
    """Starts ezkl's processes."""
    return Engine("ezkl", Limits(timeout_s=timeout_s))


def usage_facts(usage: Usage) -> dict[str, object]:
    """A measured piece of work, for JSON."""
    return {
        "wall_s": round(usage.wall_s, 3),
        "cpu_s": round(usage.cpu_s, 3),
        "peak_rss_bytes": usage.peak_rss_bytes,
    }

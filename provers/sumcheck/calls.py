"""What runs in worker processes: every function takes and returns what JSON can hold.

Arrays travel as files.  A worker keeps the blocks that it compiled last and what it executed last,
so that a block is laid out once and executed once on its way from inputs to proof.
"""

from __future__ import annotations

import functools
import gc
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zkdps.core.errors import ZkdpsError
from zkdps.provers.sumcheck.arrays import read_arrays, write_arrays

Answer = dict[str, Any]

IS_SYNCHRONOUS = True
"""For `zkdps.provers.worker`: no function here wants an event loop."""


def _answering(function: Callable[..., Any]) -> Callable[..., Answer]:
    """`{"returned": result}`, or our error as `{"raised": its class, "fields": ...}`."""

    @functools.wraps(function)
    def answer(*args: Any) -> Answer:
        try:
            return {"returned": function(*args)}
        except ZkdpsError as error:
            return {"raised": type(error).__name__, "fields": error.fields()}

    return answer


@_answering
def warm(*degrees: int) -> float:
    """Import the kernels of these degrees, compiling them the first time; seconds that it took."""
    start = time.monotonic()
    with _importing():
        from zkdps.provers.sumcheck.proving import kernels_of_degree

        for degree in degrees:
            kernels_of_degree(degree)
    return time.monotonic() - start


@_answering
def prepare() -> None:
    """Import what verifying takes, and most of which proving does."""
    with _importing():
        from zkdps.provers.sumcheck import verifying  # noqa: F401 (the calls to come use it)


@_answering
def load(directory: str) -> None:
    """Have a circuit at hand for the calls to come."""
    from zkdps.provers.sumcheck import compiled_blocks

    compiled_blocks.compiled(Path(directory))


@_answering
def compile_circuit(directory: str) -> None:
    """Write the System beside `block.onnx` and `circuit.json`; before calibration just look."""
    from zkdps.provers.sumcheck import compiled_blocks

    compiled_blocks.write_system(Path(directory))


@_answering
def entries(directory: str) -> int:
    """Entries that a proof of the block commits to, all commitments together."""
    from zkdps.provers.sumcheck import compiled_blocks

    return compiled_blocks.entries(Path(directory))


@_answering
def setup(directory: str) -> Answer:
    """Commit to the weights and complete `system.json`."""
    from zkdps.provers.sumcheck import proving

    with _measured() as usage:
        proving.setup(Path(directory))
    return usage


@_answering
def execute(directory: str, inputs: str, outputs: str) -> list[Answer]:
    """Run samples; `inputs` and `outputs` are npz files of arrays (samples, *shape) named 0, 1, ...

    Returns:
        The ranges of each sample.
    """
    from zkdps.provers.sumcheck import executing

    made, ranges = executing.execute_samples(Path(directory), read_arrays(Path(inputs)))
    write_arrays(Path(outputs), made)
    return ranges


@_answering
def roots(directory: str, inputs: str) -> list[str]:
    """Roots of a block's boundary tensors, inputs then outputs, as hex."""
    from zkdps.provers.sumcheck import proving

    tensors = read_arrays(Path(inputs))
    return [root.hex() for root in proving.boundary_roots(Path(directory), tensors)]


@_answering
def join(directory: str, *circuits: str) -> Answer:
    """Make the folder of joint proofs of these circuits."""
    from zkdps.provers.sumcheck import joining

    with _measured() as usage:
        joining.join([Path(circuit) for circuit in circuits], Path(directory))
    return usage


@_answering
def prove_joint(directory: str, folder: str, context: str, *circuits: str) -> Answer:
    """Write `folder/proof.bin`; `folder/I.npz` holds the inputs of circuit I."""
    from zkdps.provers.sumcheck import joining

    with _measured() as usage:
        inputs = [read_arrays(Path(folder) / f"{index}.npz") for index in range(len(circuits))]
        places = [Path(circuit) for circuit in circuits]
        proof = joining.prove_joint(places, inputs, Path(directory), bytes.fromhex(context))
        (Path(folder) / "proof.bin").write_bytes(proof)
    return usage


@_answering
def prove(directory: str, inputs: str, context: str, proof: str) -> Answer:
    """Write the proof of one execution; `inputs` is an npz of the block's inputs."""
    from zkdps.provers.sumcheck import proving

    with _measured() as usage:
        data = proving.prove(Path(directory), read_arrays(Path(inputs)), bytes.fromhex(context))
        Path(proof).write_bytes(data)
    return usage


@_answering
def verify(folder: str, input_roots: str, output_roots: str, context: str) -> None:
    """Verify `folder/proof.bin` under `folder/system.json` and `folder/tables.bin`.

    Roots are hex, 64 digits each, one after the other.
    """
    from zkdps.provers.sumcheck import system_json, verifying

    place = Path(folder)
    verifying.verify(
        (place / system_json.SYSTEM).read_bytes(),
        (place / system_json.TABLES).read_bytes(),
        verifying.split_roots(input_roots),
        verifying.split_roots(output_roots),
        bytes.fromhex(context),
        (place / "proof.bin").read_bytes(),
    )


@contextmanager
def _importing() -> Iterator[None]:
    """Nobody looks for garbage meanwhile, nor later in what is there now: modules stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class _measured:  # noqa: N801 (reads as a verb)
    """Seconds of the body, as a record that is filled in at its end."""

    def __enter__(self) -> Answer:
        self._usage: Answer = {}
        self._start_s, self._cpu_s = time.monotonic(), _cpu_s()
        return self._usage

    def __exit__(self, *_: object) -> None:
        self._usage["wall_s"] = time.monotonic() - self._start_s
        self._usage["cpu_s"] = _cpu_s() - self._cpu_s


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

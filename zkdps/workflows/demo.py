"""Demo: a real trained model, cut, built, proved on a held-out input, and verified."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zkdps.core.errors import UsageConflict
from zkdps.core.policy import Policy
from zkdps.workflows.build import build
from zkdps.workflows.observer import Observer, Silent
from zkdps.workflows.plan import plan
from zkdps.workflows.prove import prove
from zkdps.workflows.reports import Cuts, DemoReport, Machine
from zkdps.workflows.storage import make_folder, write_bytes
from zkdps.workflows.tensor_files import read_tensors, write_tensors
from zkdps.workflows.verify import verify

CALIBRATION_SAMPLES = 32
HELD_OUT_SAMPLES = 32
SHOWN = 7
"""Which held-out digit is proved: one that was not among the samples measured would do as well."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One demo."""

    title: str
    scale_bits: int
    cuts: tuple[str, ...]
    """Tensors to cut at."""


RECIPES = {
    "digits": Recipe(
        "a convolutional network that reads handwritten digits",
        8,
        ("/1/Relu_output_0", "/3/Relu_output_0", "/5/Relu_output_0"),
    ),
    "transformer": Recipe(
        "two pre-norm transformer blocks that read handwritten digits, row by row",
        # Normalisation divides by small deviations: two more bits are worth a factor of eight.
        10,
        (
            "/blocks/blocks.0/norm2/LayerNormalization_output_0",
            # The residual before this layer skips over the block that ends here.
            "/blocks/blocks.0/mlp/mlp.2/Add_output_0",
            "/blocks/blocks.1/norm2/LayerNormalization_output_0",
        ),
    ),
}


def demo(
    name: str,
    folder: Path | None = None,
    *,
    prover: str = "ezkl",
    machine: Machine,
    observer: Observer | None = None,
) -> DemoReport:
    """Plan, build, prove and verify one of the shipped models.

    Args:
        name: `digits` or `transformer`.
        folder: where to leave the model, data, package, run and input, for going on by hand; by
            default everything is removed at the end.
        prover: name of the back end.
        machine: where provers run, and what they may take.
        observer: hears of each step.

    Raises:
        UsageConflict: there is no such demo; and whatever the four workflows raise.
    """
    if name not in RECIPES:
        raise UsageConflict(f"no demo {name!r}; there are: {', '.join(RECIPES)}")
    if folder is not None:
        make_folder(folder)
        return _demo(name, folder, prover, machine, observer or Silent())
    with tempfile.TemporaryDirectory(prefix="zkdps-demo-") as scratch:
        return _demo(name, Path(scratch), prover, machine, observer or Silent())


def _demo(name: str, folder: Path, prover: str, machine: Machine, observer: Observer) -> DemoReport:
    image, label = write_files(name, folder)
    cuts = Cuts(tensors=RECIPES[name].cuts)
    model, package, run = folder / "model.onnx", folder / "package", folder / "run.zkrun"
    seconds: dict[str, float] = {}
    observer.note(f"demo: {RECIPES[name].title}")
    with _timed("plan", seconds):
        planned = plan(
            model,
            cuts=cuts,
            shapes={},
            scale_bits=RECIPES[name].scale_bits,
            prover=prover,
            machine=machine,
            fit=False,
            observer=observer,
        )
    with _timed("build", seconds):
        built = build(
            model,
            folder / "calibration.npz",
            package,
            cuts=cuts,
            scale_bits=RECIPES[name].scale_bits,
            prover=prover,
            machine=machine,
            observer=observer,
        )
    with _timed("prove", seconds):
        proved = prove(package, folder / "input.npz", run, machine=machine, observer=observer)
    write_tensors(folder / "output.npz", dict(proved.outputs))
    with _timed("verify", seconds):
        verdict = verify(
            run,
            built.key_path,
            inputs=folder / "input.npz",
            outputs=folder / "output.npz",
            policy=Policy(key_digest=built.key.digest, input_required=True, output_required=True),
            machine=machine,
            observer=observer,
        )
    (logits,) = proved.outputs.values()
    predicted = str(int(logits.argmax()))
    return DemoReport(planned, built, proved, verdict, image[0, 0], str(label), predicted, seconds)


def write_files(name: str, folder: Path) -> tuple[NDArray[np.float32], int]:
    """Lay out a demo's model, calibration data and input; the input's image and true class.

    Files: `model.onnx`, `calibration.npz` (training images, and held-out ones with labels),
    `input.npz` (one held-out image).
    """
    data = resources.files("zkdps.workflows") / "data"
    write_bytes(folder / "model.onnx", (data / f"{name}.onnx").read_bytes())
    with resources.as_file(data / "digits.npz") as path:
        arrays = read_tensors(path, ("image", "test_image", "test_label"))
    write_tensors(
        folder / "calibration.npz",
        {
            "image": arrays["image"][:CALIBRATION_SAMPLES],
            "test_image": arrays["test_image"][:HELD_OUT_SAMPLES],
            "test_label": arrays["test_label"][:HELD_OUT_SAMPLES],
        },
    )
    image = arrays["test_image"][SHOWN : SHOWN + 1].astype(np.float32)
    write_tensors(folder / "input.npz", {"image": image})
    return image, int(arrays["test_label"][SHOWN].item())


@contextmanager
def _timed(stage: str, seconds: dict[str, float]) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[stage] = time.monotonic() - start

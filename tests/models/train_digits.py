"""Train the digits CNN: `python -m tests.models.train_digits --out DIR`.

Three 3 x 3 convolutions (8, 16 and 16 channels; the last two with stride 2 in place of pooling,
which proves more cheaply), ReLU after each, and one linear layer: 4,218 parameters.
"""

from pathlib import Path

from torch import nn

from tests.models.digits_data import load_split
from tests.models.training import correct_images, export_onnx, fit, run_script


def build() -> nn.Module:
    """The untrained network, `(n, 1, 8, 8) float32` to `(n, 10) float32`."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


def train(path: Path) -> int:
    """Train, export to `path`; returns the held-out images that the export gets right."""
    split = load_split()
    model = fit(
        build, split.train_image, split.train_label, epochs=30, peak_lr=0.01, weight_decay=0.01
    )
    export_onnx(model, path)
    return correct_images(path, split.test_image, split.test_label)


if __name__ == "__main__":
    run_script("digits", train)

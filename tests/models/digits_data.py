"""The one split of scikit-learn's digits that every demo model is trained and judged on.

1,797 grey images of 8 x 8 pixels, values 0..16; a quarter (450), stratified by label, is held out.
Nothing of the held-out part is seen in training, nor in calibration.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SPLIT_SEED = 0
HELD_OUT_IMAGES = 450
CALIBRATION_IMAGES = 128
PIXEL_LEVELS = 16

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.int64]


class Split(NamedTuple):
    """Images `(n, 1, 8, 8) float32`, exact multiples of 1/16 in [0, 1]; labels `(n,) int64`."""

    train_image: FloatArray
    train_label: LabelArray
    test_image: FloatArray
    test_label: LabelArray


def load_split() -> Split:
    """scikit-learn's digits, divided by 16 and split with `SPLIT_SEED`."""
    digits = load_digits()
    image = (digits.images / PIXEL_LEVELS).astype(np.float32)[:, None]
    label = digits.target.astype(np.int64)
    train_image, test_image, train_label, test_label = train_test_split(
        image, label, test_size=HELD_OUT_IMAGES, random_state=SPLIT_SEED, stratify=label
    )
    return Split(train_image, train_label, test_image, test_label)


def fixture_arrays(split: Split) -> dict[str, npt.NDArray[np.generic]]:
    """What a model's npz holds: calibration images (training split), and the held-out images.

    `image` is keyed as the graph input, so the file serves as calibration data as it stands.
    Pixels stay float32: compressed, that costs little over bytes, and needs no decoding rule.
    """
    return {
        "image": split.train_image[:CALIBRATION_IMAGES],
        "test_image": split.test_image,
        "test_label": split.test_label.astype(np.uint8),
    }


def write_fixture(path: Path) -> None:
    """Write the npz that ships beside a model."""
    np.savez_compressed(path, allow_pickle=False, **fixture_arrays(load_split()))

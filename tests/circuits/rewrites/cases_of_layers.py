"""Cases with pooling, convolutions, padding and resizing."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.circuits.rewrites.case import (
    IMAGE,
    ROWS,
    Array,
    Case,
    case,
    conv,
    ints,
    one,
    pool,
    reals,
)
from tests.circuits.rewrites.small import node


def pooling() -> list[Case]:
    def most(name: str, before: str, **changes: Any) -> Case:
        return case(
            name, "max_pool", [node("MaxPool", "x", "y", **pool(**changes))], IMAGE, before=before
        )

    def average(name: str, before: str, why: str = "", **changes: Any) -> Case:
        averaged = node("AveragePool", "x", "y", **pool(**changes))
        return case(name, "average_pool", [averaged], IMAGE, before=before, dearer=why)

    ring: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    return [
        case(
            "MaxPool 2x2 of 8x8x8",
            "max_pool",
            [node("MaxPool", "x", "y", **pool())],
            {"x": (1, 8, 8, 8)},
        ),
        most("MaxPool 3x3, overlapping", "right", kernel_shape=[3, 3]),
        case(
            "MaxPool with pads, below 0",
            "max_pool",
            [node("MaxPool", "x", "y", **pool(**ring))],
            IMAGE,
            before="wrong",
            high=-0.5,
        ),
        most("MaxPool ceil_mode", "fails", ceil_mode=1),
        most("MaxPool dilated", "wrong", dilations=[2, 2], strides=[1, 1]),
        average("AveragePool, pads not counted", "wrong", "borders need a product", **ring),
        average("AveragePool ceil_mode", "fails", ceil_mode=1),
    ]


def convolutions() -> list[Case]:
    weights = {"w": reals(3, 2, 3, 3), "b": reals(3)}
    norm = {
        "gain": reals(3, seed=2) + 1,
        "shift": reals(3, seed=3),
        "mean": reals(3, seed=4),
        "variance": np.abs(reals(3, seed=5)) + one(0.5),
    }
    normalised = node("BatchNormalization", "h gain shift mean variance", "y", epsilon=1e-5)
    padded = [node("Pad", "x p", "h", mode="constant"), node("Conv", "h w b", "y", **conv())]
    spatial = {"p": ints(0, 0, 1, 0, 0, 0, 1, 2)}
    upwards = {"w": reals(2, 3, 3, 3), "b": reals(3)}
    return [
        case(
            "Conv + BatchNormalization",
            "batch_norm",
            [node("Conv", "x w b", "h", **conv()), normalised],
            IMAGE,
            weights | norm,
        ),
        case(
            "ConvTranspose + BatchNormalization",
            "batch_norm",
            [node("ConvTranspose", "x w b", "h", **conv()), normalised],
            IMAGE,
            upwards | norm,
        ),
        case(
            "Gemm + BatchNormalization",
            "batch_norm",
            [node("Gemm", "x w b", "h", transB=1), normalised],
            ROWS,
            {"w": reals(3, 4), "b": reals(3)} | norm,
        ),
        case(
            "BatchNormalization alone",
            "batch_norm",
            [node("Relu", "x", "h"), normalised],
            {"x": (1, 3, 4, 4)},
            norm,
        ),
        case(
            "Conv dilated",
            "kernels",
            [node("Conv", "x w b", "y", **conv(dilations=[2, 2]))],
            IMAGE,
            weights,
            before="fails",
        ),
        case(
            "ConvTranspose dilated",
            "kernels",
            [node("ConvTranspose", "x w b", "y", **conv(dilations=[2, 1]))],
            IMAGE,
            upwards,
            before="fails",
        ),
        case(
            "ConvTranspose with groups",
            "kernels",
            [node("ConvTranspose", "x w b", "y", **conv(group=4))],
            {"x": (1, 4, 4, 4)},
            {"w": reals(4, 1, 3, 3), "b": reals(4)},
            before="fails",
        ),
        case("Pad + Conv", "padding", padded, IMAGE, weights | spatial),
    ]


def padding() -> list[Case]:
    def pad(name: str, mode: str, *pads: int, fill: float | None = None) -> Case:
        constants: dict[str, Array] = {"p": ints(*pads)}
        if fill is not None:
            constants["fill"] = one(fill)
        names = "x p" if fill is None else "x p fill"
        return case(
            name, "padding", [node("Pad", names, "y", mode=mode)], IMAGE, constants, before="fails"
        )

    ring = (0, 0, 1, 1, 0, 0, 1, 2)
    return [
        pad("Pad with a constant", "constant", *ring, fill=1.5),
        pad("Pad reflect", "reflect", *ring),
        pad("Pad edge", "edge", *ring),
        pad("Pad negative", "constant", 0, 0, -1, 2, 0, 0, 1, -1),
    ]


def resizes() -> list[Case]:
    def resize(name: str, before: str, scale: float, why: str = "", **how: Any) -> Case:
        constants = {"s": np.array([1, 1, scale, scale], dtype=np.float32)}
        return case(
            name,
            "resize",
            [node("Resize", "x _ s", "y", **how)],
            {"x": (1, 1, 4, 4)},
            constants,
            before=before,
            dearer=why,
        )

    corner = {"coordinate_transformation_mode": "asymmetric"}
    return [
        resize("Resize nearest x2", "right", 2.0, mode="nearest", nearest_mode="floor", **corner),
        resize(
            "Resize nearest, rounding up",
            "wrong",
            2.0,
            mode="nearest",
            nearest_mode="ceil",
            **corner,
        ),
        resize("Resize nearest x1.5", "fails", 1.5, mode="nearest", nearest_mode="floor", **corner),
        resize("Resize linear", "fails", 2.0, mode="linear"),
        resize(
            "Resize linear, asymmetric floor",
            "wrong",
            2.0,
            "weights instead of copies",
            mode="linear",
            nearest_mode="floor",
            **corner,
        ),
        resize("Resize cubic", "fails", 2.0, mode="cubic"),
    ]

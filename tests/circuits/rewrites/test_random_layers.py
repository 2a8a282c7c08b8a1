"""Property tests: windows, pads, dilations, means and factors of any size, against onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from tests.circuits.rewrites import oracle
from tests.circuits.rewrites.case import ints, one, reals
from tests.circuits.rewrites.small import build, node, operators
from zkdps.circuits.rewrites import rewrite
from zkdps.core.errors import UnsupportedOperator

FEW = settings(max_examples=30, deadline=None, derandomize=True)
SIDE = 7


@st.composite
def _windows(draw: st.DrawFn) -> dict[str, list[int] | int]:
    kernel = [draw(st.integers(1, 3)) for _ in range(2)]
    pads = [draw(st.integers(0, size - 1)) for size in kernel + kernel]
    return {
        "kernel_shape": kernel,
        "strides": [draw(st.integers(1, 3)) for _ in range(2)],
        "pads": pads,
        "ceil_mode": draw(st.integers(0, 1)),
    }


def _agree(model: onnx.ModelProto, seed: int, atol: float = 2e-5) -> onnx.ModelProto:
    try:
        rewritten, _ = rewrite(model, scale_bits=8)
    except UnsupportedOperator as refusal:
        assert "wholly in the padding" in refusal.reason
        reject()
    random = np.random.default_rng(seed)
    inputs = {
        v.name: random.uniform(-9, 3, [d.dim_value for d in v.type.tensor_type.shape.dim]).astype(
            np.float32
        )
        for v in model.graph.input
    }
    for before, after in zip(
        oracle.float_outputs(model, inputs), oracle.float_outputs(rewritten, inputs), strict=True
    ):
        np.testing.assert_allclose(after, before, rtol=1e-5, atol=atol)
    return rewritten


@FEW
@given(window=_windows(), dilation=st.integers(1, 2), seed=st.integers(0, 99))
def test_max_pool(window: dict[str, list[int] | int], dilation: int, seed: int) -> None:
    # onnxruntime and ONNX disagree on the size of a dilated ceil_mode pool.
    assume(dilation == 1 or not window["ceil_mode"])
    pool = node("MaxPool", "x", "y", dilations=[dilation] * 2, **window)
    rewritten = _agree(build([pool], {"x": (1, 2, SIDE, SIDE)}, "y"), seed)
    assert "MaxPool" not in operators(rewritten)


@FEW
@given(window=_windows(), counted=st.integers(0, 1), seed=st.integers(0, 99))
def test_average_pool(window: dict[str, list[int] | int], counted: int, seed: int) -> None:
    pool = node("AveragePool", "x", "y", count_include_pad=counted, **window)
    rewritten = _agree(build([pool], {"x": (1, 2, SIDE, SIDE)}, "y"), seed)
    for made in rewritten.graph.node:
        if made.op_type == "AveragePool":
            assert onnx.helper.get_node_attr_value(made, "ceil_mode") in (0, None)


@FEW
@given(
    dilations=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
    up=st.booleans(),
    seed=st.integers(0, 99),
)
def test_dilated_convolutions(
    dilations: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[int, ...],
    up: bool,
    seed: int,
) -> None:
    layer = node(
        "ConvTranspose" if up else "Conv",
        "x w b",
        "y",
        kernel_shape=[3, 2],
        dilations=list(dilations),
        strides=list(strides),
        pads=list(pads),
        group=2,
    )
    weights = {"w": reals(4, 3, 3, 2) if up else reals(6, 2, 3, 2), "b": reals(6)}
    rewritten = _agree(build([layer], {"x": (1, 4, SIDE, SIDE)}, "y", weights), seed)
    for made in rewritten.graph.node:
        if made.op_type in ("Conv", "ConvTranspose"):
            assert list(onnx.helper.get_node_attr_value(made, "dilations")) == [1, 1]


@FEW
@given(
    pads=st.tuples(*[st.integers(-2, 3)] * 4),
    mode=st.sampled_from(["constant", "edge", "reflect", "wrap"]),
    fill=st.sampled_from([0.0, 1.5]),
)
def test_pads(pads: tuple[int, ...], mode: str, fill: float) -> None:
    # onnxruntime takes negative pads in constant mode only, as far as they make sense.
    assume(mode == "constant" or min(pads) >= 0)
    whole = ints(0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3])
    pad = node("Pad", "x p fill", "y", mode=mode)
    model = build([pad], {"x": (1, 2, 5, 5)}, "y", {"p": whole, "fill": one(fill)}, opset=19)
    _agree(model, 0)


@FEW
@given(
    factor=st.floats(1e-6, 1e3).map(np.float32)
    | st.integers(-12, 3).map(lambda n: np.float32(2.0**n)),
    negative=st.booleans(),
    size=st.integers(1, 5),
    divide=st.booleans(),
)
def test_factors_keep_the_scale(
    factor: np.float32, negative: bool, size: int, divide: bool
) -> None:
    number = one(-float(factor) if negative else float(factor))
    nodes = [node("Div" if divide else "Mul", "x c", "y")]
    rewritten = _agree(build(nodes, {"x": (1, size)}, "y", {"c": number}), 0)
    assert oracle.settings(rewritten, 8).output_scales == (8,)


@FEW
@given(shape=st.tuples(*[st.integers(1, 5)] * 3), axes=st.sets(st.integers(0, 2), min_size=1))
def test_means_are_precise_at_the_scale(shape: tuple[int, ...], axes: set[int]) -> None:
    mean = node("ReduceMean", "x", "y", axes=sorted(axes), keepdims=0)
    model = build([mean], {"x": shape}, "y")
    rewritten = _agree(model, 1)
    inputs = {"x": reals(*shape, factor=8.0)}
    assert oracle.settings(rewritten, 8).output_scales == (8,)
    error = oracle.circuit_error(rewritten, inputs, 8, reference=model)
    # Inputs and result are rounded to 2^-9, the factor relatively to 2^-9.
    largest = float(np.abs(oracle.float_outputs(model, inputs)[0]).max())
    assert error <= (3 + largest) * 2**-9, f"off by {error}"

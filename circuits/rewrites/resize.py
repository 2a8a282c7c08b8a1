"""Resize → Gather per axis (nearest) or a product with a constant matrix per axis (linear, cubic).

ezkl takes the sizes as whole factors and everything as nearest-floor: other rounding, and linear
interpolation with nearest_mode=floor, come out wrong, silently.  Interpolation is linear in the
tensor and separable, so ONNX's own reference, run on unit vectors, gives the matrix of each axis.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper
from onnx.reference import ReferenceEvaluator

from zkdps.circuits.rewrites.editing import (
    FLOAT,
    Array,
    Patch,
    argument,
    dims,
    each,
    known,
    label,
    optional,
    text,
)
from zkdps.circuits.rewrites.record import Rewrite


def apply(model: ir.Model, scale_bits: int) -> list[Rewrite]:
    """Rewrite every Resize that does not crop."""
    return each(model, ("Resize",), lambda node: _rewrite(model, node))


def _rewrite(model: ir.Model, node: ir.Node) -> Rewrite | None:
    data = argument(node, 0)
    scales = _scales(node)
    crops = text(node, "coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize"
    if scales is None or crops or node.outputs[0].dtype != FLOAT:
        return None
    if node.attributes.get_int("antialias", 0) or "axes" in node.attributes:
        return None
    patch = Patch(model, node)
    source, result = dims(data), dims(node.outputs[0])
    mode = text(node, "mode", "nearest")
    for axis, (size, out) in enumerate(zip(source, result, strict=True)):
        if size == out and scales[axis] == 1.0:
            continue
        matrix = _matrix(node, model.graph.opset_imports[""], size, out, float(scales[axis]))
        if mode == "nearest":
            data = _pick(patch, data, axis, matrix.argmax(axis=1))
        else:
            data = _multiply(patch, data, axis, matrix)
    name = label(node)
    patch.replace(data)
    return Rewrite("resize", name, f"{mode} as constant picks or weights per axis")


def _scales(node: ir.Node) -> Array | None:
    """Factor per axis, from the scales or the sizes."""
    factors, sizes = known(optional(node, 2)), known(optional(node, 3))
    if factors is not None and factors.size:
        return factors
    if sizes is None or text(node, "keep_aspect_ratio_policy", "stretch") != "stretch":
        return None
    return np.asarray(sizes / np.array(dims(argument(node, 0))))


def _matrix(node: ir.Node, opset: int, size: int, out: int, factor: float) -> Array:
    """(out, size) float64: what each output position takes of each input position."""
    kept = (
        "mode",
        "coordinate_transformation_mode",
        "nearest_mode",
        "cubic_coeff_a",
        "exclude_outside",
    )
    attributes = {key: node.attributes[key].value for key in kept if key in node.attributes}
    sized = known(optional(node, 3)) is not None
    inputs = ["x", "", "", "size"] if sized else ["x", "", "scale"]
    graph = helper.make_graph(
        [helper.make_node("Resize", inputs, ["y"], **attributes)],
        "axis",
        [
            helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [size]),
            *(
                [helper.make_tensor_value_info("size", onnx.TensorProto.INT64, [1])]
                if sized
                else [helper.make_tensor_value_info("scale", onnx.TensorProto.FLOAT, [1])]
            ),
        ],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [out])],
    )
    reference = ReferenceEvaluator(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    )
    how = {"size": np.array([out])} if sized else {"scale": np.array([factor], dtype=np.float32)}
    columns = [
        reference.run(None, {"x": unit, **how})[0] for unit in np.eye(size, dtype=np.float32)
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def _pick(patch: Patch, data: ir.Value, axis: int, positions: Array) -> ir.Value:
    shape = list(dims(data))
    shape[axis] = len(positions)
    where = patch.indices(positions, f"at_{axis}")
    return patch.node("Gather", [data, where], f"pick_{axis}", shape=shape, axis=axis)


def _multiply(patch: Patch, data: ir.Value, axis: int, matrix: Array) -> ir.Value:
    """data x matrix^T along one axis, which is moved last and back."""
    shape = list(dims(data))
    rank, last = len(shape), len(shape) - 1
    order = [i for i in range(rank) if i != axis] + [axis]
    weights = patch.floats(matrix.T, f"weights_{axis}")
    moved = [shape[i] for i in order]
    if axis != last:
        data = patch.node("Transpose", [data], f"moved_{axis}", shape=moved, perm=order)
    moved[-1] = shape[axis] = len(matrix)
    data = patch.node("MatMul", [data, weights], f"weighted_{axis}", shape=moved)
    if axis != last:
        back = np.argsort(order).tolist()
        data = patch.node("Transpose", [data], f"back_{axis}", shape=shape, perm=back)
    return data

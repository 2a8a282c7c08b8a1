"""ONNX in, provable blocks out: normalise, rewrite, slice, predict cost, plan."""

"""Normalisation: each pass against onnxruntime, before and after."""

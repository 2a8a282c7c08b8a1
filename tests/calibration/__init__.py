"""Calibration: data, activations, the chain, accuracy."""

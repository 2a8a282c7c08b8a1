"""A torch module to ONNX; torch is needed for this alone."""

from zkdps.circuits.export import export

__all__ = ["export"]

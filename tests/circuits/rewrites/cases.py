"""One small model per thing that a pass changes.

`test_cases.py` holds every case to onnxruntime and to ezkl, and `docs/rewrites.md` to the rows
measured here.
"""

from __future__ import annotations

from tests.circuits.rewrites import cases_of_layers, cases_of_numbers, cases_of_tensors
from tests.circuits.rewrites.case import SCALE_BITS, Case

__all__ = ["CASES", "SCALE_BITS", "Case"]

CASES: tuple[Case, ...] = tuple(
    cases_of_layers.pooling()
    + cases_of_layers.convolutions()
    + cases_of_layers.padding()
    + cases_of_layers.resizes()
    + cases_of_numbers.scalings()
    + cases_of_numbers.means()
    + cases_of_numbers.activations()
    + cases_of_tensors.masks()
    + cases_of_tensors.integral()
    + cases_of_tensors.shapes()
)

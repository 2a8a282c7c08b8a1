"""What a model is prepared for: the operators that a back end proves, and the forms it likes."""

from __future__ import annotations

from enum import StrEnum


class Dialect(StrEnum):
    """Which rewrites make a normal model provable; every back end reads one dialect."""

    EZKL = "ezkl"
    """Norms, pools, masks and GELU written out in the forms that ezkl proves cheaply."""
    SUMCHECK = "sumcheck"
    """Norms, Softmax, pools, masks and activations left whole: the sumcheck back end proves them
    as such.  Only what makes a model simpler is rewritten."""

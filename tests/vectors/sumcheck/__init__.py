"""Whole runs of the sumcheck back end with one flaw each, made at test time."""

"""Tests of the sumcheck back end."""

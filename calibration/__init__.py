"""Captured activations, one scale for the whole chain, accuracy reports."""

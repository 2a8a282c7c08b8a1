"""Frozen records and pure functions: no file, clock, network, process or back end."""

"""The benches are run once, at their smallest, so that they cannot rot."""

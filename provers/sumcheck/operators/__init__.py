"""Operators: each says once what it computes and which relations hold of it."""

"""What one rewrite did, for the build report and the tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rewrite:
    """One change to the graph.

    Attributes:
        name: the pass.
        node: the node, as the given model names it, around which the graph changed.
        detail: what stands there now, and why.
        exact: whether the real-valued function is unchanged (up to float rounding).  Where it is
            not, `detail` gives the bound.
    """

    name: str
    node: str
    detail: str
    exact: bool = True

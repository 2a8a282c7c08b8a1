"""Pictures in characters: a digit, and the chain of blocks with its commitments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from zkdps.core.plan import MODEL
from zkdps.terminal.safe import safe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zkdps.core.plan import Boundary, Plan
    from zkdps.core.run import Run

_SHADES = " ░▒▓█"
_NAME_COLUMNS = 40
_INDENT = "    "


def draw_image(image: NDArray[np.float32]) -> list[str]:
    """Lines of two characters a pixel, so that pixels look square.

    Args:
        image: `(rows, columns)` float32 in 0..1; values outside are shown as the nearest shade.
    """
    steps = len(_SHADES) - 1
    return [
        "".join(2 * _SHADES[round(min(max(float(pixel), 0.0), 1.0) * steps)] for pixel in row)
        for row in image
    ]


def draw_chain(plan: Plan, run: Run) -> list[str]:
    """The blocks as boxes, the tensors that enter each above it with their commitments.

    A tensor from the block just above comes down the line; one that skips over blocks, a residual
    say, comes in from the side with the name of its producer.
    """
    commitments = first_digits(plan, run)
    lines = [_INDENT + "input"]
    for block in plan.blocks:
        lines += _arrow(plan, block.index, block.index - 1, commitments)
        lines += _box(f"block {block.index}  {safe(block.name, _NAME_COLUMNS)}")
    lines += _arrow(plan, MODEL, plan.blocks[-1].index, commitments)
    return [*lines, _INDENT + "output"]


def first_digits(plan: Plan, run: Run) -> Mapping[str, str]:
    """Tensor name to the first 8 hex digits of the commitment that its producer made.

    For a model input: that of the first block that reads it.
    """
    found: dict[str, str] = {}
    for receipt in run.receipts:
        block, statement = plan.blocks[receipt.statement.block], receipt.statement
        for names, commitments in (
            (block.inputs, statement.inputs),
            (block.outputs, statement.outputs),
        ):
            for name, commitment in zip(names, commitments, strict=True):
                found.setdefault(name, commitment.value.hex()[:8])
    return found


def producer_name(index: int) -> str:
    """`input`, or `block N`."""
    return "input" if index == MODEL else f"block {index}"


def consumer_name(index: int) -> str:
    """`output`, or `block N`."""
    return "output" if index == MODEL else f"block {index}"


def _arrow(plan: Plan, consumer: int, above: int, commitments: Mapping[str, str]) -> list[str]:
    entering = [boundary for boundary in plan.boundaries if boundary.consumer == consumer]
    # What stands just above comes first, so that the side entries join a line already drawn.
    entering.sort(key=lambda boundary: boundary.producer != above)
    return [
        *(
            _entry(boundary, name, above, commitments)
            for boundary in entering
            for name in boundary.tensors
        ),
        _INDENT + "  ▼",
    ]


def _entry(boundary: Boundary, name: str, above: int, commitments: Mapping[str, str]) -> str:
    label = f"{safe(name, _NAME_COLUMNS)}  {commitments[name]}"
    if boundary.producer == above:
        return f"{_INDENT}  │  {label}"
    return f"{_INDENT}  ├──◄ {producer_name(boundary.producer)}: {label}"


def _box(text: str) -> list[str]:
    bar = "─" * (len(text) + 2)
    return [f"{_INDENT}┌{bar}┐", f"{_INDENT}│ {text} │", f"{_INDENT}└{bar}┘"]

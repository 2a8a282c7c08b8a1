"""The chain as a picture: where each box, arrow and label stands; a template draws it.

Blocks stand below one another.  The tensors that enter a block are listed above it; one from the
block just before comes down the line, one that skips over blocks, a residual say, comes round on
the left.  Lengths are in units of the SVG's view box.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from zkdps.core.plan import MODEL, Boundary, Plan
from zkdps.core.run import Run
from zkdps.pages.wording import producer_words, short

MARGIN = 8
LANE = 14
BOX_WIDTH = 344
BOX_HEIGHT = 62
END_HEIGHT = 32
LINE = 20
MAX_LANES = 8
"""Residuals side by side; further ones share the last lane."""
MAX_LINES = 6
"""Tensors listed above one block; the table beside the picture has them all."""
_NAME_CHARACTERS = 28
_TITLE_CHARACTERS = 30


@dataclass(frozen=True, slots=True)
class BlockMark:
    """What is to be said of one block."""

    state: str
    """`proved`, `failed`, `unverified` or `planned`: also the box's CSS class."""
    words: str
    """The state in words, and who ran it."""
    cost: str
    """Time and memory, or the shape of what it is."""


@dataclass(frozen=True, slots=True)
class Box:
    """A block, or the model's input or output."""

    top: int
    height: int
    title: str
    mark: BlockMark | None
    """`None` for input and output."""


@dataclass(frozen=True, slots=True)
class Label:
    """A tensor that enters the box below."""

    baseline: int
    text: str
    full_name: str
    digits: str
    """First digits of its commitment; empty where there is none."""
    is_failed: bool


@dataclass(frozen=True, slots=True)
class Arrow:
    """Straight down from one box to the next; `is_drawn` is false where nothing goes that way."""

    top: int
    bottom: int
    is_drawn: bool
    is_failed: bool


@dataclass(frozen=True, slots=True)
class Detour:
    """From the left side of a box round to a later one."""

    lane_x: int
    top: int
    bottom: int
    is_failed: bool


@dataclass(frozen=True, slots=True)
class ChainPicture:
    """Everything placed."""

    width: int
    height: int
    left: int
    """Where boxes begin."""
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    labels: tuple[Label, ...]
    detours: tuple[Detour, ...]


def draw_chain(
    plan: Plan,
    marks: tuple[BlockMark, ...],
    digits: Mapping[str, str],
    failed: frozenset[tuple[int, str]] = frozenset(),
) -> ChainPicture:
    """Place the blocks of a plan and its boundaries.

    Args:
        plan: the blocks.
        marks: one a block.
        digits: tensor name to first digits of its commitment; may lack some.
        failed: (consumer, tensor) pairs to be marked as the place of a failure.
    """
    entering: dict[int, list[Boundary]] = {}
    for boundary in plan.boundaries:
        entering.setdefault(boundary.consumer, []).append(boundary)
    consumers = [*(block.index for block in plan.blocks), MODEL]
    boxes = [Box(MARGIN, END_HEIGHT, "input", None)]
    labels: list[Label] = []
    for position, consumer in enumerate(consumers):
        top = boxes[-1].top + boxes[-1].height
        listed = _labels(top, position - 1, consumer, entering[consumer], digits, failed)
        labels += listed
        top += LINE * (len(listed) + 1)
        boxes.append(
            Box(top, END_HEIGHT, "output", None)
            if consumer == MODEL
            else Box(top, BOX_HEIGHT, _title(plan, consumer), marks[consumer])
        )
    lanes = _lanes(plan)
    left = MARGIN + LANE * (max(lanes.values(), default=-1) + 1)
    return ChainPicture(
        width=left + BOX_WIDTH + MARGIN,
        height=boxes[-1].top + boxes[-1].height + MARGIN,
        left=left,
        boxes=tuple(boxes),
        arrows=_arrows(boxes, consumers, entering, failed),
        labels=tuple(labels),
        detours=tuple(
            Detour(
                left - LANE * (lane + 1),
                boxes[boundary.producer + 1].top + boxes[boundary.producer + 1].height - 12,
                boxes[_place(plan, boundary.consumer)].top + 12,
                any((boundary.consumer, name) in failed for name in boundary.tensors),
            )
            for boundary, lane in lanes.items()
        ),
    )


def first_digits(plan: Plan, run: Run) -> Mapping[str, str]:
    """Tensor name to the first 8 hex digits of its producer's commitment (of the first reader's,
    for a model input); only for a run whose receipts are the plan's.
    """
    found: dict[str, str] = {}
    for receipt, block in zip(run.receipts, plan.blocks, strict=True):
        statement = receipt.statement
        for names, commitments in (
            (block.inputs, statement.inputs),
            (block.outputs, statement.outputs),
        ):
            for name, commitment in zip(names, commitments, strict=True):
                found.setdefault(name, commitment.value[:4].hex())
    return found


def _title(plan: Plan, index: int) -> str:
    return f"block {index}  {short(plan.blocks[index].name, _TITLE_CHARACTERS)}"


def _place(plan: Plan, consumer: int) -> int:
    """The consumer's position among the boxes."""
    return len(plan.blocks) + 1 if consumer == MODEL else consumer + 1


def _labels(
    top: int,
    above: int,
    consumer: int,
    boundaries: list[Boundary],
    digits: Mapping[str, str],
    failed: frozenset[tuple[int, str]],
) -> list[Label]:
    entries = [
        (boundary.producer != above, (consumer, name) not in failed, boundary.producer, name)
        for boundary in boundaries
        for name in boundary.tensors
    ]
    entries.sort(key=lambda entry: entry[:2])
    shown = entries if len(entries) <= MAX_LINES else entries[: MAX_LINES - 1]
    found = []
    for line, (is_detour, is_fine, producer, name) in enumerate(shown, start=1):
        origin = f"from {producer_words(producer)}: " if is_detour else ""
        text = origin + short(name, _NAME_CHARACTERS - len(origin))
        place = top + LINE * line
        found.append(Label(place, text, name, digits.get(name, ""), not is_fine))
    if len(shown) < len(entries):
        text = f"and {len(entries) - len(shown)} more tensors"
        found.append(Label(top + LINE * MAX_LINES, text, text, "", False))
    return found


def _arrows(
    boxes: list[Box],
    consumers: list[int],
    entering: Mapping[int, list[Boundary]],
    failed: frozenset[tuple[int, str]],
) -> tuple[Arrow, ...]:
    found = []
    for position, (above, below) in enumerate(pairwise(boxes)):
        consumer = consumers[position]
        direct = [each for each in entering[consumer] if each.producer == position - 1]
        names = [name for each in direct for name in each.tensors]
        found.append(
            Arrow(
                above.top + above.height,
                below.top,
                bool(direct),
                any((consumer, name) in failed for name in names),
            )
        )
    return tuple(found)


def _lanes(plan: Plan) -> dict[Boundary, int]:
    """Each boundary that skips over blocks, and its lane: those that overlap have different ones.

    Short ones lie inside; at most `MAX_LANES`.
    """
    skipping = [
        boundary
        for boundary in plan.boundaries
        if _place(plan, boundary.consumer) - boundary.producer > 2
    ]
    skipping.sort(key=lambda each: (each.producer, _place(plan, each.consumer)))
    free_from = [MODEL - 1] * MAX_LANES
    found: dict[Boundary, int] = {}
    for boundary in skipping:
        lane = next(
            (lane for lane in range(MAX_LANES) if free_from[lane] <= boundary.producer),
            MAX_LANES - 1,
        )
        free_from[lane] = max(free_from[lane], _place(plan, boundary.consumer) - 1)
        found[boundary] = lane
    return found

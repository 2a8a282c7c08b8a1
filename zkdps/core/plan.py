"""The plan: ordered blocks, the tensors that cross their boundaries, and what they cost.

Blocks form an acyclic graph whose edges are boundaries.  A boundary is a set of tensors with one
producer (a block, or the model's input) and one consumer (a block, or the model's output); a tensor
that skips over blocks, a residual say, simply has a later consumer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

MODEL = -1
"""Stands for the model's input (as a producer) and output (as a consumer) in a `Boundary`."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor that crosses a boundary."""

    name: str
    """The ONNX value name; unique in the model."""
    shape: tuple[int, ...]
    """Static; named axes are the model's."""
    dtype: str
    """ONNX element type in numpy's words: `float32`, `int64`, `bool`."""
    scale_bits: int = 0
    """Fixed-point scale; 0 for integer tensors, and before calibration."""

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def is_real(self) -> bool:
        """Whether the tensor holds reals, to be quantised at the chain's scale."""
        return self.dtype.startswith("float")


@dataclass(frozen=True, slots=True)
class Block:
    """One BSNS shard: a slice of the graph."""

    index: int
    """Position in the plan; a block reads only from earlier ones."""
    name: str
    """For people: the module or operators it holds."""
    inputs: tuple[str, ...]
    """Tensor names, in the order of the block's ONNX graph inputs."""
    outputs: tuple[str, ...]
    """Tensor names, in the order of the block's ONNX graph outputs."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """The tensors that go from one producer to one consumer."""

    producer: int
    """Block index, or `MODEL` for the model's input."""
    consumer: int
    """Block index, or `MODEL` for the model's output."""
    tensors: tuple[str, ...]
    """Names, in the consumer's order."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered blocks of a model and the tensors between them."""

    tensors: tuple[TensorSpec, ...]
    """Every tensor that crosses a boundary, model inputs and outputs included, by name, unique."""
    inputs: tuple[str, ...]
    """The model's inputs."""
    outputs: tuple[str, ...]
    """The model's outputs."""
    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        """Raises `ValueError` if this is no plan; whoever parses a file maps it."""
        if not self.blocks or not self.inputs or not self.outputs:
            raise ValueError("a plan needs blocks, inputs and outputs")
        if len(self.specs) != len(self.tensors):
            raise ValueError("a tensor is described twice")
        produced = dict.fromkeys(self.inputs, MODEL)
        if len(produced) != len(self.inputs) or len(set(self.outputs)) != len(self.outputs):
            raise ValueError("a model input or output is named twice")
        used = set(self.outputs)
        for position, block in enumerate(self.blocks):
            if block.index != position:
                raise ValueError(f"block {block.index} stands at position {position}")
            if not block.inputs or not block.outputs:
                raise ValueError(f"block {position} has no inputs or no outputs")
            if len(set(block.inputs)) != len(block.inputs):
                raise ValueError(f"block {position} reads a tensor twice")
            for name in block.inputs:
                if name not in produced:
                    raise ValueError(f"block {position} reads {name!r}, which nothing before makes")
                used.add(name)
            for name in block.outputs:
                if name in produced:
                    raise ValueError(f"tensor {name!r} is produced twice")
                produced[name] = position
        if set(produced) != set(self.specs):
            raise ValueError("the described tensors are not those that cross boundaries")
        if not used <= set(produced) or any(produced[name] == MODEL for name in self.outputs):
            raise ValueError("a model output is produced by no block")
        if set(produced) - used:
            raise ValueError(f"tensor {min(set(produced) - used)!r} is never used")

    @property
    def specs(self) -> Mapping[str, TensorSpec]:
        """Tensor name to description."""
        return {tensor.name: tensor for tensor in self.tensors}

    @property
    def producers(self) -> Mapping[str, int]:
        """Tensor name to the index of the block that makes it, `MODEL` for inputs."""
        made = dict.fromkeys(self.inputs, MODEL)
        made.update((name, block.index) for block in self.blocks for name in block.outputs)
        return made

    @property
    def boundaries(self) -> tuple[Boundary, ...]:
        """Each (producer, consumer) pair with its tensors, by consumer, the model's output last."""
        producers = self.producers
        found: dict[tuple[int, int], list[str]] = {}
        for block in self.blocks:
            for name in block.inputs:
                found.setdefault((producers[name], block.index), []).append(name)
        for name in self.outputs:
            found.setdefault((producers[name], MODEL), []).append(name)
        return tuple(Boundary(*pair, tuple(names)) for pair, names in found.items())

    def at_scale(self, scale_bits: int) -> Plan:
        """The same plan with every real tensor at `scale_bits` and every integer tensor at 0."""
        return replace(
            self,
            tensors=tuple(
                replace(tensor, scale_bits=scale_bits if tensor.is_real else 0)
                for tensor in self.tensors
            ),
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a circuit costs, predicted or measured; seconds are CPU seconds of this machine."""

    rows: int
    """Rows that the layout needs."""
    logrows: int
    """k: the circuit has 2**k rows of columns."""
    pk_bytes: int
    """Proving key on disk."""
    setup_rss_bytes: int
    prove_rss_bytes: int
    setup_s: float
    prove_s: float
    proof_bytes: int

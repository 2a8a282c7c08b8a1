"""A small key and run with made-up commitments: for the pure checks, which know no back end."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from zkdps.core.canonical import sha256_hex
from zkdps.core.fixed_point import FixedTensor
from zkdps.core.model_key import Accuracy, BlockKey, ErrorBound, ModelIdentity, ModelKey
from zkdps.core.plan import Block, Plan, TensorSpec
from zkdps.core.run import Run, make_run
from zkdps.core.srs import SrsIdentity, SrsKind
from zkdps.core.statement import Commitment, Link, Proof, Receipt, Statement, Usage

SCALE_BITS = 8
VERIFIER = b"the verifier part of an SRS"
DIGEST = "ab" * 32


def plan() -> Plan:
    """Three blocks; the residual `r` skips over the second."""
    shapes = {"x": (1, 4), "h": (1, 4), "r": (1, 4), "g": (1, 4), "y": (1, 2)}
    return Plan(
        tuple(TensorSpec(name, shape, "float32", SCALE_BITS) for name, shape in shapes.items()),
        ("x",),
        ("y",),
        (
            Block(0, "stem", ("x",), ("h", "r")),
            Block(1, "body", ("h",), ("g",)),
            Block(2, "head", ("r", "g"), ("y",)),
        ),
    )


def key(kind: SrsKind = SrsKind.DEVELOPMENT) -> ModelKey:
    """A key of that plan."""
    return ModelKey(
        ModelIdentity("toy", DIGEST, DIGEST, SCALE_BITS),
        plan(),
        "ezkl",
        Link.POLYCOMMIT,
        tuple(BlockKey(DIGEST, {"logrows": 12}, {"vk.key": b"vk %d" % i}) for i in range(3)),
        SrsIdentity(kind, "nowhere", {12: DIGEST}, sha256_hex(VERIFIER)),
        {"srs-verifier.bin": VERIFIER},
        Accuracy(10, DIGEST, (ErrorBound("y", 3),)),
        {"zkdps": "0.1.0"},
    )


def tensor(name: str) -> FixedTensor:
    """The integers that the honest run has for a tensor."""
    shape = plan().specs[name].shape
    return FixedTensor(np.arange(8, dtype=np.int64)[: shape[1]].reshape(shape), SCALE_BITS)


def commit(block: int, spec: TensorSpec, values: FixedTensor) -> Commitment:
    """A stand-in commitment: binding, and the same in every block."""
    salt = spec.name.encode()
    return Commitment(Link.POLYCOMMIT, hashlib.sha512(salt + values.to_bytes()).digest())


def run(of: ModelKey | None = None, *, with_tensors: bool = False) -> Run:
    """An honest run."""
    of = of or key()
    values = {name: tensor(name) for name in of.plan.specs}
    receipts = tuple(
        Receipt(
            Statement(
                block.index,
                tuple(commit(0, of.plan.specs[name], values[name]) for name in block.inputs),
                tuple(commit(0, of.plan.specs[name], values[name]) for name in block.outputs),
            ),
            Proof(b"proof %d" % block.index, Usage(1.5, 2.25, 1 << 20)),
        )
        for block in of.plan.blocks
    )
    return make_run(
        of.digest, receipts, {"x": values["x"]}, {"y": values["y"]}, with_tensors=with_tensors
    )


def with_statement(
    honest: Run,
    block: int,
    *,
    inputs: tuple[Commitment, ...] | None = None,
    outputs: tuple[Commitment, ...] | None = None,
) -> Run:
    """The run with one statement changed."""
    receipts = list(honest.receipts)
    statement = receipts[block].statement
    changed = Statement(block, inputs or statement.inputs, outputs or statement.outputs)
    receipts[block] = replace(receipts[block], statement=changed)
    return replace(honest, receipts=tuple(receipts))

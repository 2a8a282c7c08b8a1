"""Proofs and statements: which commitments a proof carries, and how to hand it back to ezkl.

`polycommit`: the proof starts with the points of the inputs, then of the outputs, in the block's
order; no instances.  `poseidon`: the instances are one hash a tensor, in the same order.
`public`: they are the integers themselves.  Instances are rebuilt from the statement, never read
from the proof, so a proof file holds nothing but the transcript's bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zkdps.core.bn254 import ORDER, POINT_BYTES
from zkdps.core.plan import TensorSpec
from zkdps.core.statement import Commitment, Link, Statement
from zkdps.provers.ezkl.commitments import point_count
from zkdps.provers.ezkl.felts import felt, integers

MAX_PROOF_BYTES = 4 << 20
"""Ten times the proof of the widest circuit that fits a large server."""
SCALAR_BYTES = 32


def read_proof(document: Mapping[str, Any]) -> tuple[bytes, list[str]]:
    """ezkl's proof file to the transcript and the instances, as felts."""
    return bytes(document["proof"]), [value for column in document["instances"] for value in column]


def commitments_of(
    link: Link, specs: Sequence[TensorSpec], transcript: bytes, instances: Sequence[str], k: int
) -> list[Commitment]:
    """The commitments to tensors `specs` (inputs, then outputs) that a proof carries.

    Raises:
        ValueError: it carries fewer, or more.
    """
    values: list[bytes] = []
    position = 0
    for spec in specs:
        if link is Link.POLYCOMMIT:
            length = POINT_BYTES * point_count(spec.size, k)
            values.append(transcript[position : position + length])
        elif link is Link.POSEIDON:
            length = 1
            values.append(bytes.fromhex(instances[position])[::-1])
        else:
            length = spec.size
            numbers = integers(instances[position : position + length])
            values.append(np.array(numbers, dtype="<i8").tobytes())
        position += length
    available = len(transcript) if link is Link.POLYCOMMIT else len(instances)
    if position > available or (link is not Link.POLYCOMMIT and position < available):
        raise ValueError(f"a proof with {available} instances or bytes, expected {position}")
    return [Commitment(link, value) for value in values]


def check_shape(statement: Statement, link: Link, settings: Mapping[str, Any]) -> None:
    """The statement has the commitments that the circuit has tensors.

    Raises:
        ValueError: another number, another scheme, another length.
    """
    inputs, outputs = len(settings["model_input_scales"]), len(settings["model_output_scales"])
    if (len(statement.inputs), len(statement.outputs)) != (inputs, outputs):
        got = f"{len(statement.inputs)} inputs and {len(statement.outputs)} outputs"
        raise ValueError(f"{got}, the circuit has {inputs} and {outputs}")
    lengths = _lengths(link, settings, inputs + outputs)
    for commitment, length in zip(statement.inputs + statement.outputs, lengths, strict=True):
        if commitment.link is not link:
            raise ValueError(f"a {commitment.link} commitment, the circuit makes {link}")
        if len(commitment.value) != length:
            raise ValueError(f"a commitment of {len(commitment.value)} bytes, expected {length}")


def _lengths(link: Link, settings: Mapping[str, Any], tensors: int) -> list[int]:
    if link is Link.POLYCOMMIT:
        k = settings["run_args"]["logrows"]
        sizes = settings["module_sizes"]["polycommit"]
        return [POINT_BYTES * point_count(size, k) for size in sizes]
    if link is Link.POSEIDON:
        return [SCALAR_BYTES] * tensors
    shapes = settings["model_instance_shapes"]
    return [8 * int(np.prod(shape, dtype=np.int64)) for shape in shapes]


def document(statement: Statement, link: Link, transcript: bytes) -> bytes:
    """The proof file that ezkl verifies.

    Raises:
        ValueError: the transcript does not start with the statement's points, a hash is not a
            reduced scalar, or the proof is too large.
    """
    if len(transcript) > MAX_PROOF_BYTES or len(transcript) % SCALAR_BYTES:
        raise ValueError(f"a proof of {len(transcript)} bytes")
    commitments = statement.inputs + statement.outputs
    instances: list[str] = []
    if link is Link.POLYCOMMIT:
        head = b"".join(commitment.value for commitment in commitments)
        if not transcript.startswith(head):
            raise ValueError("the proof is not about the commitments that the statement names")
    elif link is Link.POSEIDON:
        for commitment in commitments:
            value = int.from_bytes(commitment.value, "big")
            if value >= ORDER:
                raise ValueError("a hash that is not a reduced scalar")
            instances.append(felt(value))
    else:
        for commitment in commitments:
            instances += map(felt, np.frombuffer(commitment.value, dtype="<i8").tolist())
    record = {"protocol": None, "instances": [instances], "proof": list(transcript)}
    empty = {"hex_proof": None, "split": None, "pretty_public_inputs": None, "timestamp": 0}
    return json.dumps({**record, **empty, "version": None}).encode()

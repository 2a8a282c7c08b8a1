"""Verification of a proof from its key's bytes alone (`docs/sumcheck.md` §5, in its order).

0. Bind: protocol, system, context, roots, public values and the auxiliary root are absorbed.
1. Look-ups: two trees of fractions; two claims.
2. Relations: linear terms, one sumcheck of all products, public tensors; claims.
3. All claims become one, and 4. the commitments are opened.

Success is silence, failure raises.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from zkdps.verifier_contracts.reference.sumcheck.field import Field, P
from zkdps.verifier_contracts.reference.sumcheck.fractions import verify_lookups
from zkdps.verifier_contracts.reference.sumcheck.functionals import Forms
from zkdps.verifier_contracts.reference.sumcheck.layout import layout_of
from zkdps.verifier_contracts.reference.sumcheck.opening import verify_claims
from zkdps.verifier_contracts.reference.sumcheck.parse import parse_system
from zkdps.verifier_contracts.reference.sumcheck.relations import verify_relations
from zkdps.verifier_contracts.reference.sumcheck.system import System
from zkdps.verifier_contracts.reference.sumcheck.transcript import (
    DIGEST_BYTES,
    Messages,
    check_canonical,
    failed,
)

PROTOCOL = b"zkdps-sumcheck-1"
SYSTEM_MEMBER = "system.json"
TABLES_MEMBER = "tables.bin"


def verify(
    material: Mapping[str, bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    context: bytes,
    proof: bytes,
) -> None:
    """Check one proof: integers under these roots satisfy the key's system.

    `inputs` and `outputs` are the roots of the statement, in the block's order.

    Raises:
        CheckFailed: (5) the key is malformed or the proof does not prove the statement.
    """
    verify_system(read_system(material), inputs, outputs, context, proof)


def read_system(material: Mapping[str, bytes]) -> System:
    """The system that a key's members hold.

    Raises:
        CheckFailed: (5) a member is missing or malformed.
    """
    for member in (SYSTEM_MEMBER, TABLES_MEMBER):
        if member not in material:
            raise failed("the key lacks what the reference verifier reads", member, "none")
    return parse_system(material[SYSTEM_MEMBER], material[TABLES_MEMBER])


def verify_system(
    system: System,
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    context: bytes,
    proof: bytes,
) -> None:
    """Check one proof of a system that was read before; see `verify`.

    Raises:
        CheckFailed: (5) it does not prove the statement.
    """
    if (len(inputs), len(outputs)) != (len(system.inputs), len(system.outputs)):
        raise failed("the statement has another number of commitments than the key's system")
    roots = (*inputs, *outputs)
    if any(len(root) != DIGEST_BYTES for root in roots):
        raise failed(f"a commitment is not a root of {DIGEST_BYTES} bytes")
    messages = Messages(Field(system.preset.degree), proof)
    absorb = messages.transcript.absorb
    absorb("protocol", PROTOCOL)
    absorb("system", system.digest)
    absorb("context", context)
    absorb("roots", b"".join(roots) + system.weights_root)
    public = _public(messages, system)
    has_aux = any(tensor.holder == "aux" for tensor in system.tensors)
    aux_root = messages.data("aux", DIGEST_BYTES) if has_aux else b""

    forms = Forms(messages.field, system, public)
    claims = verify_lookups(messages, system, forms) if system.tables else []
    claims += verify_relations(messages, system, forms, public)
    boundary = dict(zip((*system.inputs, *system.outputs), roots, strict=True))
    verify_claims(messages, system, layout_of(system, boundary, aux_root), claims)
    messages.end()


def _public(messages: Messages, system: System) -> dict[int, tuple[int, ...]]:
    """The integers of public tensors, each within its range; residues are centred."""
    values = {}
    for i in system.public:
        tensor = system.tensors[i]
        residues = struct.unpack(f"<{tensor.size}I", messages.data("public", 4 * tensor.size))
        check_canonical(residues, "public")
        values[i] = tuple(x if x <= P // 2 else x - P for x in residues)
        if min(values[i]) < tensor.low or max(values[i]) > tensor.high:
            raise failed("a public value is out of its range", got=tensor.name)
    return values

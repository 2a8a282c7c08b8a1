"""Verification of a proof from its key's bytes: all messages in order (`docs/sumcheck.md` §5).

A quoted name is a message's label, (k) its number of field elements; `<-` draws challenges in one
squeeze.  Nothing is drawn, and no message is there, where its count is 0.

    Start.      absorb "protocol", "system" (SHA-256 of system.json), "context", "roots" (of inputs,
                outputs and weights, one after the other); "public", one message a public tensor:
                residues as u32; "aux": a root, where there are auxiliary tensors.
    Look-ups    (`fractions`), where there are tables.  grind; alpha, beta1, beta2 <-;
                "roots-of-trees" (4).  For the look-ups' tree, then the tables', layer by layer, the
                root's children first: except for these lambda <-, a round for each variable
                { "h" (2), x <- }; then "children" (4), c <-.
    Relations   (`relations`).  rho of each label <-, of each public tensor <-, lambda <-;
                "linear" (1).  Where terms are products, for each variable of each shared label
                { "g" (degree), r <- }; "factors" (one for each distinct one).
    Opening     (`opening`).  gamma <-; for each variable of the address space { "t" (2), r <- };
                "w" (1), "u" (C); grind; Q indices <-.  Then, not absorbed, for each commitment: its
                columns at the distinct indices, ascending, and the siblings towards its root, level
                by level, left to right.

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

"""What an auditor's worker runs: a proof under a System, all of it as bytes.

Auditors start workers for this alone, so it imports numpy and what verifying takes, no more.
"""

from __future__ import annotations

from collections.abc import Sequence

from zkdps.core.errors import CheckFailed
from zkdps.provers.sumcheck import argument
from zkdps.provers.sumcheck.kernels.portable import PortableKernels
from zkdps.provers.sumcheck.merkle import DIGEST_BYTES
from zkdps.provers.sumcheck.system_json import system_from_files


def verify(
    text: bytes,
    tables: bytes,
    input_roots: Sequence[bytes],
    output_roots: Sequence[bytes],
    context: bytes,
    proof: bytes,
) -> None:
    """Return silently if the proof is valid.

    Raises:
        CheckFailed: check 5, it is not; check 2, the System is malformed.
    """
    system = system_from_files(text, tables)
    if (len(input_roots), len(output_roots)) != (len(system.inputs), len(system.outputs)):
        raise CheckFailed(5, "the statement has not one root for each tensor")
    kernels = PortableKernels(system.preset.degree)
    argument.verify(system, input_roots, output_roots, context, proof, kernels)


def split_roots(text: str) -> list[bytes]:
    """Roots of 32 bytes, from hex without separators."""
    data = bytes.fromhex(text)
    return [data[start : start + DIGEST_BYTES] for start in range(0, len(data), DIGEST_BYTES)]

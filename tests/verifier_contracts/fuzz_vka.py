"""Coverage-guided fuzzing of the reference verifier: `python -m tests.verifier_contracts.fuzz_vka`.

Atheris (libFuzzer) mutates a stored artifact's words and a stored proof.  Whatever comes out, only
our errors may be raised, and a proof that differs from the honest one may not be accepted.  The
work bound keeps every input short; libFuzzer's own time limit for one input is the hang detector.
Arguments are libFuzzer's, `-runs=20000 -timeout=10` for example.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["zkdps.verifier_contracts"]):
    from tests.verifier_contracts.stored import NAMES, stored
    from zkdps.core.errors import CheckFailed, MalformedVka
    from zkdps.verifier_contracts.reference import decode_file, verify_proof

MAX_EDITS = 6


def one_input(data: bytes) -> None:
    """Edit a stored artifact (and sometimes its proof) as `data` says, decode, verify."""
    choices = atheris.FuzzedDataProvider(data)
    case = stored(NAMES[choices.ConsumeIntInRange(0, len(NAMES) - 1)])
    artifact = bytearray((case.folder / "vka.bin").read_bytes())
    proof = bytearray(case.proof)
    changes_proof = choices.ConsumeBool()
    target = proof if changes_proof else artifact
    for _ in range(choices.ConsumeIntInRange(1, MAX_EDITS)):
        position = choices.ConsumeIntInRange(0, len(target) - 1)
        piece = choices.ConsumeBytes(choices.ConsumeIntInRange(0, 32))
        if choices.ConsumeBool():
            target[position : position + len(piece)] = piece
        else:
            del target[position : position + len(piece)]
    try:
        vka = decode_file(bytes(artifact))
        verify_proof(vka, bytes(proof), case.instances)
    except (MalformedVka, CheckFailed):
        return
    if bytes(proof) != case.proof:
        raise AssertionError(f"{case.name}: a changed proof was accepted")


def main() -> None:
    """Run libFuzzer with the command line's arguments."""
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

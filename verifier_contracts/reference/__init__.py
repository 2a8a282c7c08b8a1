"""The reference verifier: ezkl's proofs checked from the verifying-key artifact alone, in Python.

It shares no code with the prover.  It reads the *verifying-key artifact* (VKA), the list of 256-bit
words that ezkl writes for its reusable EVM verifier, and is the executable specification that the
contract verifiers are tested against: same vectors, same key id.

Read it in this order: `vka` (what a key says), `decode` (untrusted words to that), `transcript`,
`expressions`, `permutation`, `lookup` (the circuit's equation), `opening` (the KZG opening),
`verify` (all of it, and the numbered steps).

Sources: the halo2 book (https://zcash.github.io/halo2/); the multi-point opening SHPLONK (Boneh,
Drake, Fisch, Gabizon, ePrint 2020/081); lookups by logarithmic derivatives (Haböck, ePrint
2022/1530); and the Solidity that ezkl 23.0.5 emits under the MIT licence, for the layout of words.
"""

from zkdps.verifier_contracts.reference.decode import decode, decode_file
from zkdps.verifier_contracts.reference.verify import Claim, verify_all, verify_proof
from zkdps.verifier_contracts.reference.vka import Vka
from zkdps.verifier_contracts.reference.words import key_id, read_words
from zkdps.verifier_contracts.reference.work import Work, work_bound

__all__ = [
    "Claim",
    "Vka",
    "Work",
    "decode",
    "decode_file",
    "key_id",
    "read_words",
    "verify_all",
    "verify_proof",
    "work_bound",
]

"""Keys and what auditors need of them: setup, the key's members, the SRS behind them.

`setup` leaves `vk.key`, `pk.key`, `srs.json` (which SRS they were made with) and `vka.bin` (or
`vka-refusal.json`) in the circuit's directory, all or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from zkdps.core.canonical import Json, canonical_json, parse_canonical, sha256_hex
from zkdps.core.errors import LayoutFailed, ProverFailed, ProverPanicked, WrongSrs
from zkdps.core.plan import TensorSpec
from zkdps.core.prover import Circuit, Parameters
from zkdps.core.srs import SrsIdentity, SrsKind
from zkdps.core.statement import Link, Usage
from zkdps.provers.ezkl import commitments, srs
from zkdps.provers.ezkl.auditor import BASIS_MEMBER, VERIFIER_MEMBER
from zkdps.provers.ezkl.felts import felt
from zkdps.provers.ezkl.files import member
from zkdps.provers.ezkl.runner import Runner, version
from zkdps.provers.ezkl.settings import choice_of
from zkdps.provers.files import storage, workplace

VKA_MEMBER = "vka.bin"
VKA_REFUSAL_MEMBER = "vka-refusal.json"

# Values whose commitment `setup` compares with ezkl's: both signs, zero, small and large.
_COMMIT_PROBE = (1, -1, 0, 123456789, -987654321)


class Keys:
    """Makes keys with one SRS cache."""

    def __init__(self, runner: Runner, srs_cache: Path, srs_kind: SrsKind | None) -> None:
        self._runner = runner
        self._srs_cache = srs_cache
        self._srs_kind = srs_kind

    def setup(self, circuit: Circuit) -> Usage:
        """As the protocol.

        Raises:
            MissingSrs: no SRS of the circuit's size, and none may be made.
            ProverFailed: ezkl commits to tensors in another way than we recompute.
        """
        choice, block = choice_of(circuit.parameters), circuit.graph.block.index
        file = srs.find(choice.logrows, self._srs_cache, kind=self._srs_kind)
        parts = {name: circuit.directory / f"{name}.part" for name in ("vk.key", "pk.key")}
        try:
            usage = self._runner.setup(
                block,
                member(circuit, "circuit.ezkl"),
                parts["vk.key"],
                parts["pk.key"],
                file.path,
            )
            if choice.link is Link.POLYCOMMIT:
                self._compare_commitments(circuit, parts["vk.key"], file)
            artifact = self._artifact(circuit, parts["vk.key"], file)
            with storage(circuit.directory):
                for name, part in parts.items():
                    part.replace(circuit.directory / name)
                record = {"kind": file.kind.value, "source": file.source, "sha256": file.sha256}
                (circuit.directory / "srs.json").write_bytes(canonical_json(record))
                for name, data in artifact.items():
                    (circuit.directory / name).write_bytes(data)
        finally:
            for part in parts.values():
                part.unlink(missing_ok=True)
        return usage

    def _artifact(self, circuit: Circuit, vk: Path, file: srs.SrsFile) -> dict[str, bytes]:
        """The verifying-key artifact, or why there is none.

        Its pointers have 16 bits: a circuit of very many columns has no artifact.  `parameters`
        avoids such circuits where it can.
        """
        with workplace() as folder:
            vka = folder / VKA_MEMBER
            settings = member(circuit, "settings.json")
            try:
                self._runner.create_vka(circuit.graph.block.index, vk, settings, vka, file.path)
            except (ProverFailed, ProverPanicked) as error:
                record: Json = {"reason": type(error).__name__, "detail": error.reason[:400]}
                return {VKA_REFUSAL_MEMBER: canonical_json(record)}
            return {VKA_MEMBER: vka.read_bytes()}

    def _compare_commitments(self, circuit: Circuit, vk: Path, file: srs.SrsFile) -> None:
        """Another number of blinded rows in some circuit would make every link fail: notice now."""
        block = circuit.graph.block.index
        basis = commitments.read_basis(file.path, file.logrows, len(_COMMIT_PROBE))
        points = self._runner.kzg_commit(
            block,
            [felt(value) for value in _COMMIT_PROBE],
            vk,
            member(circuit, "settings.json"),
            file.path,
        )
        theirs = b"".join(
            bytes.fromhex(point[axis])[::-1] for point in points for axis in ("x", "y")
        )
        ours = commitments.commit(_COMMIT_PROBE, basis)
        if theirs != ours:
            reason = f"ezkl commits to {theirs.hex()} where zkdps recomputes {ours.hex()}"
            raise ProverFailed(block, "setup", reason)

    def inputs(self, parameters: Parameters) -> Json:
        """What keys of a circuit with these parameters would be made from besides it."""
        logrows = choice_of(parameters).logrows
        file = srs.find(logrows, self._srs_cache, kind=self._srs_kind)
        return {"srs_sha256": file.sha256, "ezkl": version()}

    def srs_of(self, circuit: Circuit) -> srs.SrsFile:
        """The SRS that a circuit's keys were made with.

        Raises:
            WrongSrs: the cache holds another of that size.
            MissingSrs: it holds none.
        """
        record = parse_canonical(member(circuit, "srs.json").read_bytes(), "srs.json")
        logrows = choice_of(circuit.parameters).logrows
        kind = SrsKind(str(record["kind"]))
        if kind is SrsKind.DEVELOPMENT:
            srs.make_development(logrows, self._srs_cache)
        return srs.find(logrows, self._srs_cache, kind=kind, sha256=str(record["sha256"]))

    def material(self, circuit: Circuit, committed: Sequence[TensorSpec]) -> Mapping[str, bytes]:
        """As the protocol: settings, verifying key, and a commitment basis where one is needed."""
        members = {name: member(circuit, name).read_bytes() for name in ("settings.json", "vk.key")}
        for name in (VKA_MEMBER, VKA_REFUSAL_MEMBER):
            if (circuit.directory / name).is_file():
                members[name] = (circuit.directory / name).read_bytes()
        choice = choice_of(circuit.parameters)
        if committed and choice.link is Link.POLYCOMMIT:
            size = max(spec.size for spec in committed)
            file = self.srs_of(circuit)
            basis = commitments.read_basis(file.path, file.logrows, size)
            members[BASIS_MEMBER] = basis.to_bytes()
        return members

    def trust(self, circuits: Sequence[Circuit]) -> tuple[SrsIdentity | None, Mapping[str, bytes]]:
        """As the protocol.

        Raises:
            LayoutFailed: circuits linked by polynomial commitments have different sizes.
            WrongSrs: the circuits' keys come from different ceremonies.
        """
        _check_one_size(circuits)
        files = [self.srs_of(circuit) for circuit in circuits]
        parts = [srs.verifier_part(file) for file in files]
        for part in parts:
            if part != parts[0]:
                raise WrongSrs(sha256_hex(parts[0]), sha256_hex(part))
        identity = SrsIdentity(
            kind=files[0].kind,
            source=files[0].source,
            digests={file.logrows: file.sha256 for file in files},
            verifier_sha256=sha256_hex(parts[0]),
        )
        return identity, {VERIFIER_MEMBER: parts[0]}


def _check_one_size(circuits: Sequence[Circuit]) -> None:
    """One polynomial has other values on a domain of another size: such blocks link nothing."""
    linked = [
        (circuit.graph.block.index, choice.logrows)
        for circuit in circuits
        if (choice := choice_of(circuit.parameters)).link is Link.POLYCOMMIT
    ]
    for block, logrows in linked:
        if logrows != linked[0][1]:
            reason = f"it has 2**{logrows} rows, a linked block has 2**{linked[0][1]}"
            raise LayoutFailed(block, reason)

"""A vector: one folder with a run, one sentence, and what `verify` must say of it.

    <claim>[_fail]/README.md        one sentence
    <claim>[_fail]/run.zkrun        the run; the base's stands for it where the call is the flaw
    <claim>[_fail]/expected.json    how `verify` is called, and what comes out (`Expected`)
    <claim>[_fail]/key.zkvk         only where the flaw is in the key
    <claim>[_fail]/*.npz            only where the flaw is in what the auditor gives

The folder's name is the claim; `_fail` says that it does not hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from zkdps.core.policy import Policy

HOME = Path(__file__).parent
RUN = "run.zkrun"
KEY = "key.zkvk"


@dataclass(frozen=True, slots=True)
class Call:
    """How `verify` is called; paths are relative to `tests/vectors`."""

    key: str
    inputs: str | None = None
    outputs: str | None = None
    key_digest: str | None = None
    run: str | None = None
    """Another vector's run, where the flaw is not in the run."""
    require: tuple[str, ...] = ()
    """Of `production-srs`, `input`, `output`."""

    def policy(self) -> Policy:
        """The same demands as a policy."""
        return Policy(
            key_digest=self.key_digest,
            production_srs="production-srs" in self.require,
            input_required="input" in self.require,
            output_required="output" in self.require,
        )

    def arguments(self, run: Path, home: Path) -> list[str]:
        """The same call as a command line; `run` is `Vector.run_path`."""
        words = ["verify", str(run), "--key", str(home / self.key)]
        for option, path in (("--input", self.inputs), ("--output", self.outputs)):
            words += [option, str(home / path)] if path else []
        words += ["--key-digest", self.key_digest] if self.key_digest else []
        return words + [f"--require-{word}" for word in self.require]


@dataclass(frozen=True, slots=True)
class Expected:
    """What `verify` says."""

    exit_code: int
    error: str | None = None
    """Class of the error; none where the run must verify."""
    check: int | None = None
    """Number of the check that fails, where one does."""
    block: int | None = None
    """The block that the error names, where it names one."""
    says: str = ""
    """Part of the message: a flaw must not hide behind another of the same check."""


@dataclass(frozen=True, slots=True)
class Vector:
    """One vector in memory."""

    name: str
    sentence: str
    base: str | None
    """The honest vector that this one is, but for its flaw."""
    call: Call
    expected: Expected
    run: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)
    """File name in the folder to content, besides the run."""

    def contents(self) -> dict[str, bytes]:
        """File name to content, all of the folder."""
        record = {
            "base": self.base,
            "call": {name: value for name, value in asdict(self.call).items() if value},
            "expected": asdict(self.expected),
        }
        text = json.dumps(record, indent=2, sort_keys=True)
        return {
            "README.md": f"{self.sentence}\n".encode(),
            "expected.json": f"{text}\n".encode(),
            **({} if self.call.run else {RUN: self.run}),
            **self.files,
        }

    def run_path(self, home: Path) -> Path:
        """Where its run lies."""
        return home / (self.call.run or f"{self.name}/{RUN}")

    def with_files(self, **files: bytes) -> Vector:
        """The same with files of its own, named after the fields of the call."""
        suffix = {"key": KEY, "inputs": "input.npz", "outputs": "output.npz"}
        names = {name: f"{self.name}/{suffix[name]}" for name in files}
        return replace(
            self,
            call=replace(self.call, **names),  # type: ignore[arg-type]
            files={suffix[name]: data for name, data in files.items()},
        )


def write(vector: Vector, home: Path) -> None:
    """Write the vector's folder."""
    folder = home / vector.name
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in vector.contents().items():
        (folder / name).write_bytes(data)


def read(name: str, home: Path = HOME) -> Vector:
    """The vector in a folder; unknown words in `expected.json` are a `TypeError`."""
    folder = home / name
    record = json.loads((folder / "expected.json").read_text())
    call = dict(record.pop("call"))
    call["require"] = tuple(call.get("require", ()))
    own = [path for path in folder.iterdir() if path.suffix in (".zkvk", ".npz")]
    return Vector(
        name=name,
        sentence=(folder / "README.md").read_text().rstrip("\n"),
        call=Call(**call),
        expected=Expected(**record.pop("expected")),
        run=(home / call["run"] if "run" in call else folder / RUN).read_bytes(),
        files={path.name: path.read_bytes() for path in sorted(own)},
        **record,
    )


def names(home: Path = HOME) -> list[str]:
    """Every vector's name, sorted."""
    return sorted(path.parent.name for path in home.glob("*/expected.json"))

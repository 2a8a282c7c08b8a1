"""The stored honest vectors, parsed, for the flaws to start from."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from tests.vectors.honest import CROSSED, key_path
from tests.vectors.record import HOME, Vector, read
from zkdps.core.model_key import ModelKey
from zkdps.core.parse_key import parse_key
from zkdps.core.parse_run import parse_run
from zkdps.core.run import Run
from zkdps.workflows.archive import read_archive


class Stored:
    """Reads vectors, runs and keys by name; parses each once."""

    def __init__(self, home: Path = HOME) -> None:
        self.home = home
        self._vectors: dict[str, Vector] = {}
        self._runs: dict[str, Run] = {}
        self._keys: dict[str, ModelKey] = {}

    def vector(self, name: str) -> Vector:
        """An honest vector."""
        if name not in self._vectors:
            self._vectors[name] = read(name, self.home)
        return self._vectors[name]

    def run(self, name: str) -> Run:
        """The run of an honest vector."""
        if name not in self._runs:
            path = self.home / name / "run.zkrun"
            self._runs[name] = parse_run(read_archive(path), str(path))
        return self._runs[name]

    def key(self, name: str) -> ModelKey:
        """A shared key."""
        if name not in self._keys:
            path = self.home / key_path(name)
            self._keys[name] = parse_key(read_archive(path), str(path))
        return self._keys[name]

    @cached_property
    def crossed(self) -> Run:
        """The run whose block 1 was proved on swapped tensors."""
        return parse_run(read_archive(self.home / CROSSED), CROSSED)

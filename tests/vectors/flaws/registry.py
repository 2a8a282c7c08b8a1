"""What a flaw is, and the list of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from tests.vectors.edits import archive
from tests.vectors.record import RUN, Expected, Vector
from tests.vectors.stored import Stored
from zkdps.core.model_key import ModelKey
from zkdps.core.run import Run


@dataclass(frozen=True, slots=True)
class Flawed:
    """What a flaw makes, where that is more than a run."""

    run: Run | bytes | None = None
    """None: the base's."""
    key: ModelKey | bytes | None = None
    """None: the base's.  A flawed key comes without a pinned digest: it is the auditor's own."""
    call: Mapping[str, Any] = field(default_factory=dict)
    """Changed fields of the call."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """`inputs` or `outputs`: npz files of the vector's own."""


Make: TypeAlias = "Callable[[Stored], Flawed | Run | bytes]"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One way to be wrong, and how `verify` must say so."""

    name: str
    sentence: str
    base: str
    expected: Expected
    make: Make

    def vector(self, stored: Stored) -> Vector:
        """The vector: the base with the flaw."""
        made = self.make(stored)
        flawed = made if isinstance(made, Flawed) else Flawed(made)
        base = stored.vector(self.base)
        files = dict(flawed.files)
        call = replace(base.call, **flawed.call)
        if flawed.key is not None:
            files["key"] = _file(flawed.key)
            call = replace(call, key_digest=None)
        run = base.run if flawed.run is None else _file(flawed.run)
        if flawed.run is None:
            call = replace(call, run=f"{self.base}/{RUN}")
        vector = Vector(f"{self.name}_fail", self.sentence, self.base, call, self.expected, run)
        return vector.with_files(**files)


def _file(made: Run | ModelKey | bytes) -> bytes:
    return made if isinstance(made, bytes) else archive(made)


FLAWS: dict[str, Flaw] = {}


def flaw(
    name: str,
    sentence: str,
    *,
    check: int | None,
    says: str,
    block: int | None = None,
    base: str = "honest_polycommit",
    error: str = "CheckFailed",
    exit_code: int = 1,
) -> Callable[[Make], Make]:
    """Register a flaw; the decorated function makes it from the stored honest vectors."""

    def register(make: Make) -> Make:
        if name in FLAWS:
            raise ValueError(f"two flaws are called {name!r}")
        expected = Expected(exit_code, error, check, block, says)
        FLAWS[name] = Flaw(name, sentence, base, expected, make)
        return make

    return register

"""What a system must satisfy for a proof of it to mean what it says (`docs/sumcheck.md` §2).

The build proves more: that bounds keep every relation exact over the integers (§6).  Here stands
what can be seen from the system alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from zkdps.core.errors import CheckFailed
from zkdps.verifier_contracts.reference.sumcheck.system import System
from zkdps.verifier_contracts.reference.sumcheck.transcript import failed


def check_rules(system: System) -> None:
    """Raise `CheckFailed` where a rule is broken."""
    _check_names(system)
    _check_commitments(system)
    _check_public(system)
    _check_tables(system)
    _check_looked_up(system)


def _broken(reason: str, got: str | None = None) -> CheckFailed:
    return failed(f"system.json: {reason}", got=got)


def _is_distinct(values: Sequence[object]) -> bool:
    return len(set(values)) == len(values)


def _check_names(system: System) -> None:
    if not _is_distinct([tensor.name for tensor in system.tensors]):
        raise _broken("two tensors have one name")


def _check_commitments(system: System) -> None:
    """Inputs and outputs are the boundary; weights have a root, and the audit bounds them."""
    tensors = system.tensors
    boundary = [i for i, tensor in enumerate(tensors) if tensor.holder == "boundary"]
    if sorted((*system.inputs, *system.outputs)) != boundary:
        raise _broken("inputs and outputs are not the boundary tensors, each once")
    if not system.outputs:
        raise _broken("there is no output")
    if bool(system.weights_root) != any(tensor.holder == "weights" for tensor in tensors):
        raise _broken("there is a root of weights without weights, or none with them")
    for tensor in tensors:
        if (tensor.holder == "weights") != (tensor.bound == "weight"):
            raise _broken("weights and only weights are bounded by the audit", tensor.name)


def _check_public(system: System) -> None:
    """Values in the clear are a boundary tensor's with one axis that counts."""
    for i, tensor in enumerate(system.tensors):
        if i not in system.public:
            if tensor.bound == "public":
                raise _broken("a tensor is bounded as public and is not", tensor.name)
        elif tensor.holder != "boundary" or sum(size > 1 for size in tensor.shape) > 1:
            raise _broken("a public tensor is no boundary or has more axes", tensor.name)


def _check_tables(system: System) -> None:
    """Tags tell tables apart, and each table has multiplicities of its own.

    They alone are committed without any bound, helpers apart.
    """
    tables = system.tables
    if not _is_distinct([table.tag for table in tables]):
        raise _broken("two tables have one tag")
    if not _is_distinct([(table.low, table.rows, table.values) for table in tables]):
        raise _broken("two tables have the same rows")
    counting = [i for i, tensor in enumerate(system.tensors) if tensor.bound == "multiplicity"]
    if sorted(table.multiplicity for table in tables) != counting:
        raise _broken("multiplicities are not one tensor a table")
    for table in tables:
        tensor = system.tensors[table.multiplicity]
        if (tensor.holder, tensor.shape) != ("aux", (table.rows,)):
            raise _broken("multiplicities are not one a row, in aux", tensor.name)


def _check_looked_up(system: System) -> None:
    """A range that look-ups enforce is read by one."""
    forms = {form for look_up in system.lookups for form in (look_up.key, look_up.value)}
    read = {view.tensor for form in forms - {None} for _, view in system.forms[form or 0].views}
    for i, tensor in enumerate(system.tensors):
        if tensor.bound in ("lookup", "pair") and i not in read:
            raise _broken("no look-up reads a tensor that one should bound", tensor.name)

"""A bound on what a verification costs, computed from sizes before anything is allocated."""

from __future__ import annotations

import math

from zkdps.verifier_contracts.reference.sumcheck.field import P
from zkdps.verifier_contracts.reference.sumcheck.layout import count_pieces
from zkdps.verifier_contracts.reference.sumcheck.system import Lookup, System, labels_of
from zkdps.verifier_contracts.reference.sumcheck.transcript import failed

MAX_PIECES = 1 << 18
"""Of all tensors, and of all look-ups."""
MAX_WORK = 1 << 28
"""Operations of about a microsecond; a transformer layer needs some 2^22."""


def check_work(system: System) -> None:
    """Raise `CheckFailed` where a system asks for more work, or more leaves, than any may."""
    if work_bound(system) > MAX_WORK:
        raise failed("the key asks for more work than any key may", f"at most {MAX_WORK}")
    boxes = [_box(system, lookup) for lookup in system.lookups]
    tensors = [tensor.shape for tensor in system.tensors]
    if max(sum(map(count_pieces, tensors)), sum(map(count_pieces, boxes))) > MAX_PIECES:
        raise failed("the key cuts into more pieces than any may", f"at most {MAX_PIECES}")
    leaves = sum(map(math.prod, boxes))
    # logUp needs fewer leaves than p: p look-ups of one bad value would cancel.
    if leaves + sum(table.rows for table in system.tables) >= P:
        raise failed("there are more look-ups than the field can count", f"below {P}")


def work_bound(system: System) -> int:
    """Multiplications, hashes and copies, each counted once or more."""
    forms = [_form_work(system, form) for form in range(len(system.forms))]
    work = sum(4 * label.size for label in system.labels)
    work += sum(4 * table.rows for table in system.tables)
    work += sum(system.tensors[i].size for i in system.public)
    for relation in system.relations:
        for term in relation.terms:
            work += 8 + len(relation.labels) + sum(forms[form] for form in term.forms)
    for lookup in system.lookups:
        box = _box(system, lookup)
        used = forms[lookup.key] + (0 if lookup.value is None else forms[lookup.value])
        work += count_pieces(box) * (used + sum(box))
    work += sum(32 * count_pieces(tensor.shape) for tensor in system.tensors)
    columns = 1 << system.columns_log
    rows = sum(-(-tensor.size // columns) for tensor in system.tensors)
    queries = system.preset.queries
    return work + columns * (32 + queries // 16) + rows * queries + 64 * queries


def _form_work(system: System, form: int) -> int:
    """Building a form's axis vectors and evaluating them at a point, piece by piece."""
    work = 1 + len(system.forms[form].labels)
    for _, view in system.forms[form].views:
        tensor = system.tensors[view.tensor]
        for index in view.index:
            work += math.prod(system.labels[label].size for label in labels_of(index))
        work += (sum(tensor.shape) + 8) * (1 + count_pieces(tensor.shape))
    return work + sum(system.labels[label].size for label in system.forms[form].labels)


def _box(system: System, lookup: Lookup) -> tuple[int, ...]:
    return tuple(system.labels[label].size for label in lookup.labels)

"""Provers with a System of their own: every proof is right, and of the wrong System.

Each cheat is tried twice: as it is, and by a prover who absorbs the digest of the true System, so
that only what the two Systems say differently can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from tests.provers.sumcheck import systems
from tests.provers.sumcheck.cheats import blocks
from tests.provers.sumcheck.cheats.attempt import (
    REFERENCE_PRESETS,
    Claimed,
    accepted,
    claimed,
    proof_of,
    refused,
    sample,
)
from zkdps.core.errors import CheckFailed, LayoutFailed
from zkdps.provers.sumcheck import argument
from zkdps.provers.sumcheck.coverage import check_coverage
from zkdps.provers.sumcheck.field import P
from zkdps.provers.sumcheck.system import Affine, Bound, Form, System, Table, Term, Values, View
from zkdps.provers.sumcheck.system_json import (
    system_digest,
    system_from_files,
    system_to_files,
)
from zkdps.verifier_contracts.reference.sumcheck.parse import parse_system


@dataclass(frozen=True)
class Cheat:
    """Another System and integers that satisfy it."""

    of: Callable[[], Claimed]
    system: Callable[[System], System]
    values: Callable[[Claimed, Values], Values]
    by: str | None
    """What fails where the digest is the true one; None: whatever the lengths lead to."""


def with_table(system: System, number: int, **fields: Any) -> System:
    tables = list(system.tables)
    tables[number] = replace(tables[number], **fields)
    return replace(system, tables=tuple(tables))


def with_form(system: System, number: int, change: Callable[[Form], Form]) -> System:
    forms = list(system.forms)
    forms[number] = change(forms[number])
    return replace(system, forms=tuple(forms))


def with_relation(system: System, name: str, terms: Callable[[tuple[Term, ...]], Any]) -> System:
    return replace(
        system,
        relations=tuple(
            replace(r, terms=tuple(terms(r.terms))) if r.name == name else r
            for r in system.relations
        ),
    )


def _pair(system: System) -> tuple[int, Table]:
    return next((i, t) for i, t in enumerate(system.tables) if t.values is not None)


def _with_other_rows(system: System) -> System:
    number, table = _pair(system)
    assert table.values is not None
    return with_table(system, number, values=table.values + np.int32(1))


def _plus_one(name: str) -> Callable[[Claimed, Values], Values]:
    def values(case: Claimed, held: Values) -> Values:
        position = case.position(name)
        return {**held, position: held[position] + 1}

    return values


def _same(case: Claimed, held: Values) -> Values:
    del case
    return held


def two_functions() -> Claimed:
    """Squares and cubes of the same keys, from two tables."""
    make = systems.Maker()
    t = make.label("t", 5)
    x = np.array([-2, -1, 0, 1, 3])
    x_, y_, z_ = make.input("x", x), make.output("y", x**2), make.output("z", x**3)
    fx, fy, fz = (make.form((t,), make.view(i, t)) for i in (x_, y_, z_))
    keys = np.arange(-4, 4)
    make.lookup(make.table(-4, 8, keys**2), fx, fy)
    make.lookup(make.table(-4, 8, keys**3), fx, fz)
    return claimed(make.finish(), make.values)


def negated() -> Claimed:
    """y = -x, published; its range is that of x too."""
    make = systems.Maker()
    t = make.label("t", 3)
    x = np.array([-2, 0, 3])
    x_, y_ = make.input("x", x), make.output("y", -x, Bound.PUBLIC)
    make.tensors[y_] = replace(make.tensors[y_], low=-5, high=5)
    make.public.append(y_)
    make.relation("negated", (t,), (1, (make.form((t,), make.view(x_, t), make.view(y_, t)),)))
    return claimed(make.finish(), make.values)


def _tags_exchanged(system: System) -> System:
    first, second = system.tables
    return replace(system, tables=(replace(first, tag=second.tag), replace(second, tag=first.tag)))


def _tables_exchanged(system: System) -> System:
    first, second = system.tables
    return replace(
        system,
        tables=(replace(first, values=second.values), replace(second, values=first.values)),
    )


def _exchanged_outputs(case: Claimed, held: Values) -> Values:
    y, z = case.position("y"), case.position("z")
    return {**held, y: held[z], z: held[y]}


def _one_tag(system: System) -> System:
    return with_table(system, 1, tag=system.tables[0].tag)


def _heads_permuted(form: Form) -> Form:
    """Columns h*3 + d are read as d*2 + h: heads and their entries change places."""

    def axis(index: Any) -> Any:
        if isinstance(index, Affine) and len(index.terms) == 2:
            (h, _), (d, _) = index.terms
            return Affine(index.offset, ((h, 1), (d, 2)))
        return index

    views = tuple((c, View(v.tensor, tuple(map(axis, v.index)))) for c, v in form.views)
    return replace(form, views=views)


def _scores_permuted(case: Claimed, held: Values) -> Values:
    q, k = (held[case.position(name)].reshape(3, 3, 2) for name in "qk")
    return {**held, case.position("s"): np.einsum("idh,jdh->hij", q, k)}


def _rewired(form: Form) -> Form:
    """The right factor reads what the left one reads."""
    ((coefficient, view),) = form.views
    return replace(form, views=((coefficient, replace(view, tensor=0)),))


def _products_of_a(case: Claimed, held: Values) -> Values:
    a = held[case.position("a")]
    return {**held, case.position("c"): (a + 1) * (a - 2)}


def _without_mask(terms: tuple[Term, ...]) -> list[Term]:
    return [replace(t, forms=t.forms[1:] if len(t.forms) == 3 else t.forms) for t in terms]


def _unmasked(case: Claimed, held: Values) -> Values:
    e, v = held[case.position("e")], held[case.position("v")]
    return {**held, case.position("o"): np.einsum("hij,hjd->hid", e, v)}


def _unmasked_and_mask_of_ones(case: Claimed, held: Values) -> Values:
    return {**_unmasked(case, held), case.position("mask"): np.ones((5, 5), np.int64)}


def _dropped(name: str) -> Callable[[System], System]:
    return lambda s: replace(s, lookups=tuple(x for x in s.lookups if x.name != name))


def _y_out_of_range(case: Claimed, held: Values) -> Values:
    """The linear relation holds, with a remainder that no table has."""
    y, r = case.position("y"), case.position("r")
    return {**held, y: held[y] + 1, r: held[r] - 4}


def _constant(number: int, change: int) -> Callable[[System], System]:
    return lambda s: with_form(s, number, lambda f: replace(f, constant=f.constant + change))


CHEATS = {
    "swapped_table": Cheat(two_functions, _with_other_rows, _plus_one("y"), "denominators"),
    "tables_exchanged": Cheat(two_functions, _tables_exchanged, _exchanged_outputs, "denominators"),
    "tags_exchanged": Cheat(two_functions, _tags_exchanged, _same, "denominators"),
    "one_tag_for_two_tables": Cheat(two_functions, _one_tag, _exchanged_outputs, "denominators"),
    "rows_moved": Cheat(
        lambda: sample("squares"),
        lambda s: with_table(s, 0, low=s.tables[0].low + 1),
        _same,
        None,
    ),
    "permuted_heads": Cheat(
        lambda: sample("heads"),
        lambda s: with_form(with_form(s, 0, _heads_permuted), 1, _heads_permuted),
        _scores_permuted,
        "claims",
    ),
    "wrong_wiring": Cheat(
        lambda: sample("product_3"),
        lambda s: with_form(s, 1, _rewired),
        _products_of_a,
        "claims",
    ),
    "wrong_constant": Cheat(
        lambda: sample("product_3"),
        _constant(0, 1),
        lambda case, held: {
            **held,
            case.position("c"): (held[case.position("a")] + 2) * (held[case.position("b")] - 2),
        },
        "claims",
    ),
    "skipped_mask": Cheat(
        lambda: sample("mixed"),
        lambda s: with_relation(s, "mixed", _without_mask),
        _unmasked,
        None,
    ),
    "mask_of_ones": Cheat(lambda: sample("mixed"), lambda s: s, _unmasked_and_mask_of_ones, "path"),
    "skipped_range": Cheat(lambda: sample("matmul"), _dropped("look-up 2"), _y_out_of_range, None),
    "skipped_relation": Cheat(
        lambda: sample("heads"),
        lambda s: replace(s, relations=s.relations[:1]),
        lambda case, held: _plus_one("z")(case, held),
        "claims",
    ),
    "another_coefficient": Cheat(
        negated,
        lambda s: with_form(s, 0, lambda f: replace(f, views=(f.views[0], (-1, f.views[1][1])))),
        lambda case, held: {**held, case.position("y"): held[case.position("x")]},
        "claims",
    ),
}


def other(cheat: Cheat, true: Claimed) -> Claimed:
    """The cheater's System with integers that satisfy it."""
    system = cheat.system(replace(true.system, weights_root=""))
    values = blocks.with_counts(system, cheat.values(true, dict(true.values)))
    return claimed(system, values)


@pytest.mark.parametrize("name", CHEATS)
def test_another_system(name: str) -> None:
    cheat = CHEATS[name]
    true = cheat.of()
    mine = other(cheat, true)
    if name not in UNSATISFIED:
        assert blocks.broken(mine) == []
    under = replace(mine, system=true.system)
    refused(under, proof_of(mine))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argument, "system_digest", lambda system: system_digest(true.system))
        if mine.system.weights_root:
            mine = replace(mine, system=replace(mine.system, weights_root=true.system.weights_root))
        proof = proof_of(mine)
    refused(under, proof, by=cheat.by)


UNSATISFIED = ("one_tag_for_two_tables", "rows_moved")
"""No integers satisfy the cheater's System; he proves what he can."""
UNREAD = ("skipped_range",)
"""No verifier reads it."""


@pytest.mark.parametrize("name", [n for n in CHEATS if n not in UNSATISFIED + UNREAD])
def test_the_cheats_are_proofs_of_their_own_systems(name: str) -> None:
    """Otherwise nothing was tried."""
    mine = other(CHEATS[name], CHEATS[name].of())
    accepted(mine, proof_of(mine))


# --- Systems that no verifier reads -------------------------------------------------------------


def _read(system: System) -> list[str | None]:
    """What both parsers say."""
    said: list[str | None] = []
    files = system_to_files(system)
    for read in (
        lambda: system_from_files(*files, systems.PRESETS),
        lambda: parse_system(*files, REFERENCE_PRESETS),
    ):
        try:
            read()
        except CheckFailed as error:
            said.append(str(error))
        else:
            said.append(None)
    return said


def _too_many_leaves(system: System) -> System:
    """p or more look-ups: p look-ups of one bad value would cancel."""
    labels = tuple(replace(label, size=1 << 11) for label in system.labels)
    more = (replace(labels[0], name="v", size=1 << 11),)
    everywhere = tuple(range(len(labels) + 1))
    forms = tuple(
        replace(f, labels=everywhere) if i == system.lookups[0].key else f
        for i, f in enumerate(system.forms)
    )
    lookups = (replace(system.lookups[0], labels=everywhere),)
    return replace(system, labels=labels + more, forms=forms, lookups=lookups)


def mixed_ranges() -> Claimed:
    """A look-up over two labels, to be blown up."""
    make = systems.Maker()
    a, b = make.label("a", 2), make.label("b", 2)
    x_ = make.output("x", np.zeros((2, 2), np.int64), Bound.LOOKUP)
    make.lookup(make.table(0, 4), make.form((a, b), make.view(x_, a, b)))
    return claimed(make.finish(), make.values)


UNREADABLE: dict[str, tuple[Callable[[], Claimed], Callable[[System], System]]] = {
    "one_tag_for_two_tables": (two_functions, _one_tag),
    "tag_of_the_padding": (two_functions, lambda s: with_table(s, 0, tag=0)),
    "one_count_for_two_tables": (
        two_functions,
        lambda s: with_table(s, 1, multiplicity=s.tables[0].multiplicity),
    ),
    "counts_in_a_boundary": (two_functions, lambda s: with_table(s, 1, multiplicity=1)),
    "a_free_column": (
        lambda: sample("matmul"),
        lambda s: replace(s, lookups=s.lookups[:2]),
    ),
    "weights_without_an_audit": (
        lambda: sample("matmul"),
        lambda s: replace(
            s,
            tensors=tuple(
                replace(t, bound=Bound.HELPER) if t.bound is Bound.WEIGHT else t for t in s.tensors
            ),
        ),
    ),
    "a_boundary_that_is_no_input": (
        lambda: sample("product_3"),
        lambda s: replace(s, inputs=s.inputs[:1]),
    ),
    "an_input_twice": (
        lambda: sample("product_3"),
        lambda s: replace(s, inputs=s.inputs[:1] * 2),
    ),
    "unknown_preset": (
        two_functions,
        lambda s: replace(s, preset=replace(s.preset, name="ANY")),
    ),
    "no_work": (two_functions, lambda s: replace(s, preset=replace(s.preset, grind_bits=0))),
    "p_look_ups": (mixed_ranges, _too_many_leaves),
    "fewer_queries": (two_functions, lambda s: replace(s, preset=replace(s.preset, queries=1))),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_systems_that_neither_verifier_reads(name: str) -> None:
    of, change = UNREADABLE[name]
    system = of().system
    assert _read(system) == [None, None]
    assert None not in _read(change(system))


RANGED = (blocks.linear, blocks.softmax, blocks.attention, blocks.narrow_norm, blocks.table)


@pytest.mark.parametrize("block", [*RANGED, blocks.gather, blocks.mean, blocks.maximum])
def test_every_look_up_is_needed(block: Callable[[], Any]) -> None:
    """Without it a column has no bound, and the build says so; or a cheat is named."""
    from tests.provers.sumcheck.cheats.test_witnesses import CHEATS as WITNESSES

    system, missing = block().built.system, []
    for lookup in system.lookups:
        rest = tuple(other for other in system.lookups if other is not lookup)
        try:
            check_coverage(replace(system, lookups=rest), 0)
        except LayoutFailed:
            continue
        broken = f"key of {lookup.name}"
        if not any(broken in cheat.breaks for cheat in WITNESSES.values()):
            missing.append(lookup.name)
    assert missing == []


def test_a_weight_that_is_a_field_element_has_another_root() -> None:
    """1/2 or p/3 for a weight: the audit recomputes the root from integers."""
    case = blocks.honest(blocks.linear())
    position = case.position("y.weight")
    for element in (pow(2, -1, P), P // 3):
        values = dict(case.values)
        values[position] = values[position].copy()
        values[position][0, 0] = blocks.residue(element)
        other_key = claimed(replace(case.system, weights_root=""), values)
        assert other_key.system.weights_root != case.system.weights_root
        refused(replace(other_key, system=case.system), proof_of(other_key))

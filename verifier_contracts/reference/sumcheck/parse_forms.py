"""Forms, relations and look-ups out of untrusted JSON (`docs/sumcheck.md` §2)."""

from __future__ import annotations

from collections.abc import Sequence

from zkdps.core.canonical import Json
from zkdps.verifier_contracts.reference.sumcheck.field import P
from zkdps.verifier_contracts.reference.sumcheck.json_values import (
    array,
    check_distinct,
    integer,
    malformed,
    position,
    positions,
    record,
    row,
    text,
)
from zkdps.verifier_contracts.reference.sumcheck.system import (
    Affine,
    Form,
    Label,
    Lookup,
    Picked,
    Relation,
    Table,
    Tensor,
    Term,
    View,
    labels_of,
)

MAX_INTEGER = P - 1
"""Magnitude of coefficients, offsets, strides and ranges."""
MAX_VIEWS = 1 << 18
MAX_TERMS = 1 << 18
MAX_FACTORS = 3


def parse_form(
    value: Json, labels: Sequence[Label], tensors: Sequence[Tensor], public: Sequence[int]
) -> Form:
    """One form; its views use its labels only."""
    names, constant, views = row(value, "form", 3)
    over = positions(names, "labels of a form", labels)
    parsed = []
    for item in array(views, "views", MAX_VIEWS):
        coefficient, tensor, axes = row(item, "view", 3)
        view = _view(tensor, axes, labels, tensors, public)
        if not view.labels <= set(over):
            raise malformed("view", "labels of its form", value)
        parsed.append((_coefficient(coefficient), view))
    return Form(over, _coefficient(constant), tuple(parsed))


def _view(
    tensor: Json,
    axes: Json,
    labels: Sequence[Label],
    tensors: Sequence[Tensor],
    public: Sequence[int],
) -> View:
    read = position(tensor, "tensor", tensors)
    indices = row(axes, "axes", len(tensors[read].shape))
    view = View(read, tuple(_index(index, labels, tensors, public) for index in indices))
    check_distinct([label for index in view.index for label in labels_of(index)], "labels")
    return view


def _index(
    value: Json, labels: Sequence[Label], tensors: Sequence[Tensor], public: Sequence[int]
) -> Affine | Picked:
    if isinstance(value, dict):
        picked = record(value, "picked axis", ("picked", "label"))
        tensor = position(picked["picked"], "picked tensor", tensors)
        label = position(picked["label"], "label", labels)
        if tensor not in public or tensors[tensor].size != labels[label].size:
            raise malformed("picked axis", "a public tensor of the label's size", value)
        return Picked(tensor, label)
    offset, terms = row(value, "axis", 2)
    return Affine(
        integer(offset, "offset", -MAX_INTEGER, MAX_INTEGER),
        tuple(_stride(item, labels) for item in array(terms, "strides", len(labels))),
    )


def _stride(value: Json, labels: Sequence[Label]) -> tuple[int, int]:
    label, stride = row(value, "stride", 2)
    return position(label, "label", labels), integer(stride, "stride", 1, MAX_INTEGER)


def parse_relation(value: Json, labels: Sequence[Label], forms: Sequence[Form]) -> Relation:
    """One relation."""
    relation = record(value, "relation", ("name", "labels", "terms"))
    terms = []
    for item in array(relation["terms"], "terms", MAX_TERMS):
        coefficient, factors = row(item, "term", 2)
        names = array(factors, "factors", MAX_FACTORS)
        found = tuple(position(name, "form", forms) for name in names)
        terms.append(Term(_coefficient(coefficient), found))
    return Relation(
        name=text(relation["name"], "relation name"),
        labels=positions(relation["labels"], "labels of a relation", labels),
        terms=tuple(terms),
    )


def parse_lookup(
    value: Json, labels: Sequence[Label], forms: Sequence[Form], tables: Sequence[Table]
) -> Lookup:
    """One look-up; its forms are over its labels, in its order."""
    lookup = record(value, "look-up", ("name", "labels", "table", "key", "value"))
    over = positions(lookup["labels"], "labels of a look-up", labels)
    table = position(lookup["table"], "table", tables)
    key = position(lookup["key"], "key", forms)
    image = None if lookup["value"] is None else position(lookup["value"], "value", forms)
    if (image is None) != (tables[table].values is None):
        raise malformed("look-up", "a value in pair tables, and only there", lookup["name"])
    if any(forms[form].labels != over for form in (key, image) if form is not None):
        raise malformed("look-up", "forms over its labels", lookup["name"])
    return Lookup(text(lookup["name"], "look-up name"), over, table, key, image)


def _coefficient(value: Json) -> int:
    return integer(value, "coefficient", -MAX_INTEGER, MAX_INTEGER)

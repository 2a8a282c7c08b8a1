"""Small hand-made Systems with honest values, one for each kind of relation, view and look-up.

`honest(name)` gives (system, values, context); `NAMES` are the names.  The System has no weights
root yet: `commit_weights` makes it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zkdps.provers.sumcheck.system import (
    Affine,
    AxisIndex,
    Bound,
    Form,
    Holder,
    Int64s,
    Label,
    Lookup,
    Picked,
    Preset,
    Relation,
    System,
    Table,
    Tensor,
    Term,
    Values,
    View,
)

PRESET = Preset("TEST", 4, 1, 24, 3)
PRESET_5 = Preset("TEST_5", 5, 2, 12, 0)
PRESETS = {preset.name: preset for preset in (PRESET, PRESET_5)}
CONTEXT = b"run 00, block 0"


class Maker:
    """A System under construction, with its values."""

    def __init__(self, seed: int = 1) -> None:
        self.random = np.random.default_rng(seed)
        self.labels: list[Label] = []
        self.tensors: list[Tensor] = []
        self.values: Values = {}
        self.forms: list[Form] = []
        self.relations: list[Relation] = []
        self.lookups: list[Lookup] = []
        self.tables: list[Table] = []
        self.inputs: list[int] = []
        self.outputs: list[int] = []
        self.public: list[int] = []

    def label(self, name: str, size: int) -> int:
        self.labels.append(Label(name, size))
        return len(self.labels) - 1

    def tensor(self, name: str, holder: Holder, values: Int64s, bound: Bound) -> int:
        values = np.asarray(values, np.int64)
        low, high = int(values.min()), int(values.max())
        self.tensors.append(Tensor(name, holder, values.shape, low, high, bound))
        self.values[len(self.tensors) - 1] = values
        return len(self.tensors) - 1

    def input(self, name: str, values: Int64s, bound: Bound = Bound.HELPER) -> int:
        self.inputs.append(self.tensor(name, Holder.BOUNDARY, values, bound))
        return self.inputs[-1]

    def output(self, name: str, values: Int64s, bound: Bound = Bound.HELPER) -> int:
        self.outputs.append(self.tensor(name, Holder.BOUNDARY, values, bound))
        return self.outputs[-1]

    def aux(self, name: str, values: Int64s, bound: Bound = Bound.HELPER) -> int:
        return self.tensor(name, Holder.AUX, values, bound)

    def weight(self, name: str, values: Int64s) -> int:
        return self.tensor(name, Holder.WEIGHTS, values, Bound.WEIGHT)

    def view(self, tensor: int, *axes: int | AxisIndex, coefficient: int = 1) -> tuple[int, View]:
        """A view; a plain label stands for itself."""
        index = tuple(a if not isinstance(a, int) else Affine(0, ((a, 1),)) for a in axes)
        return coefficient, View(tensor, index)

    def form(self, labels: Sequence[int], *views: tuple[int, View], constant: int = 0) -> int:
        self.forms.append(Form(tuple(labels), constant, views))
        return len(self.forms) - 1

    def relation(self, name: str, labels: Sequence[int], *terms: tuple[int, Sequence[int]]) -> None:
        made = tuple(Term(coefficient, tuple(forms)) for coefficient, forms in terms)
        self.relations.append(Relation(name, tuple(labels), made))

    def table(self, low: int, rows: int, values: Int64s | None = None) -> int:
        count = self.aux(f"count {len(self.tables)}", np.zeros(rows, np.int64), Bound.MULTIPLICITY)
        column = None if values is None else np.asarray(values, np.int32)
        tag = len(self.tables) + 1
        self.tables.append(Table(f"table {tag}", tag, low, rows, column, count))
        return tag - 1

    def lookup(self, table: int, key: int, value: int | None = None) -> None:
        name = f"look-up {len(self.lookups)}"
        self.lookups.append(Lookup(name, self.forms[key].labels, table, key, value))

    def finish(self, columns_log: int = 3, preset: Preset = PRESET) -> System:
        """The System; fills in multiplicities."""
        system = self._system(columns_log, preset)
        for table in self.tables:
            self.values[table.multiplicity] = np.zeros(table.rows, np.int64)
        for lookup in self.lookups:
            table = self.tables[lookup.table]
            keys = form_values(system, self.values, lookup.key).ravel() - table.low
            np.add.at(self.values[table.multiplicity], keys, 1)
        for table in self.tables:
            tensor = self.tensors[table.multiplicity]
            high = int(self.values[table.multiplicity].max())
            self.tensors[table.multiplicity] = Tensor(
                tensor.name, tensor.holder, tensor.shape, 0, high, tensor.bound
            )
        return self._system(columns_log, preset)

    def _system(self, columns_log: int, preset: Preset) -> System:
        return System(
            preset,
            columns_log,
            tuple(self.labels),
            tuple(self.tensors),
            tuple(self.forms),
            tuple(self.relations),
            tuple(self.lookups),
            tuple(self.tables),
            tuple(self.inputs),
            tuple(self.outputs),
            tuple(self.public),
            "",
            "",
        )


def form_values(system: System, values: Values, position: int) -> Int64s:
    """The form over the box of its labels, entry by entry: slow, and plainly right."""
    form = system.forms[position]
    sizes = [system.labels[label].size for label in form.labels]
    result = np.full(sizes, form.constant, np.int64)
    for at in itertools.product(*(range(size) for size in sizes)):
        chosen = dict(zip(form.labels, at, strict=True))
        for coefficient, view in form.views:
            index = []
            for axis in view.index:
                if isinstance(axis, Picked):
                    index.append(int(values[axis.tensor].ravel()[chosen[axis.label]]))
                else:
                    index.append(axis.offset + sum(s * chosen[label] for label, s in axis.terms))
            shape = system.tensors[view.tensor].shape
            if all(0 <= i < n for i, n in zip(index, shape, strict=True)):
                result[at] += coefficient * int(values[view.tensor][tuple(index)])
    return result


def unsatisfied(system: System, values: Values) -> list[str]:
    """Names of relations and look-ups that do not hold, over the integers."""
    wrong = []
    forms = {i: form_values(system, values, i) for i in range(len(system.forms))}
    for relation in system.relations:
        sizes = [system.labels[label].size for label in relation.labels]
        total = np.zeros(sizes, np.int64)
        for term in relation.terms:
            arguments: list[Any] = []
            for form in term.forms:
                arguments += [forms[form], list(system.forms[form].labels)]
            present = {label for form in term.forms for label in system.forms[form].labels}
            kept = [label for label in relation.labels if label in present]
            value = np.einsum(*arguments, kept) if term.forms else np.int64(1)
            shape = [
                system.labels[label].size if label in present else 1 for label in relation.labels
            ]
            total = total + term.coefficient * np.asarray(value).reshape(shape)
        if total.any():
            wrong.append(relation.name)
    for lookup in system.lookups:
        table = system.tables[lookup.table]
        keys = forms[lookup.key].ravel() - table.low
        held = bool(((keys >= 0) & (keys < table.rows)).all())
        if held and lookup.value is not None and table.values is not None:
            held = bool((table.values[keys] == forms[lookup.value].ravel()).all())
        if not held:
            wrong.append(lookup.name)
    return wrong


def _matmul(make: Maker) -> None:
    """y = (x w^T + bias) / 4, rounded; weights, remainders, three ranges."""
    t, k, n = make.label("t", 5), make.label("k", 6), make.label("n", 7)
    x, w = make.random.integers(-8, 8, (5, 6)), make.random.integers(-9, 9, (7, 6))
    bias = make.random.integers(-50, 50, 7)
    total = x @ w.T + bias
    y = (total + 2) >> 2
    xs, ys = make.input("x", x, Bound.LOOKUP), make.output("y", y, Bound.LOOKUP)
    ws, bs = make.weight("w", w), make.weight("bias", bias)
    rs = make.aux("r", total + 2 - 4 * y, Bound.LOOKUP)
    fx, fw = make.form((t, k), make.view(xs, t, k)), make.form((n, k), make.view(ws, n, k))
    left = make.form(
        (t, n),
        make.view(ys, t, n, coefficient=4),
        make.view(rs, t, n),
        make.view(bs, n, coefficient=-1),
        constant=-2,
    )
    make.relation("linear", (t, n), (1, (left,)), (-1, (fx, fw)))
    make.lookup(make.table(-8, 16), fx)
    make.lookup(make.table(-300, 600), make.form((t, n), make.view(ys, t, n)))
    make.lookup(make.table(0, 4), make.form((t, n), make.view(rs, t, n)))


def _product(size: int) -> Callable[[Maker], None]:
    def build(make: Maker) -> None:
        t, j = make.label("t", size), make.label("j", 3)
        a, b = make.random.integers(-16, 16, (2, size, 3))
        a_, b_ = make.input("a", a, Bound.LOOKUP), make.input("b", b, Bound.LOOKUP)
        c_ = make.output("c", (a + 1) * (b - 2))
        fa = make.form((t, j), make.view(a_, t, j), constant=1)
        fb = make.form((t, j), make.view(b_, t, j), constant=-2)
        fc = make.form((t, j), make.view(c_, t, j))
        make.relation("product", (t, j), (1, (fa, fb)), (-1, (fc,)))
        table = make.table(-16, 32)
        make.lookup(table, make.form((t, j), make.view(a_, t, j)))
        make.lookup(table, make.form((t, j), make.view(b_, t, j)))

    return build


def _squares(make: Maker) -> None:
    """A sum of squares over one label and the same square as a pair look-up."""
    t, j = make.label("t", 3), make.label("j", 5)
    x = make.random.integers(-10, 11, (3, 5))
    x_ = make.input("x", x, Bound.PAIR)
    y_ = make.aux("y", x * x, Bound.PAIR)
    s_ = make.output("s", (x * x).sum(1))
    fx, fy = make.form((t, j), make.view(x_, t, j)), make.form((t, j), make.view(y_, t, j))
    fs = make.form((t,), make.view(s_, t))
    make.relation("squares", (t,), (1, (fx, fx)), (-1, (fs,)))
    make.relation("values", (t,), (1, (fy,)), (-1, (fs,)))
    make.lookup(make.table(-10, 21, np.arange(-10, 11) ** 2), fx, fy)


def _maximum(make: Maker) -> None:
    i, j = make.label("i", 3), make.label("j", 6)
    s = make.random.integers(-20, 20, (3, 6))
    d = s.max(1, keepdims=True) - s
    b = (np.arange(6) == s.argmax(1)[:, None]).astype(np.int64)
    s_, m_ = make.input("s", s), make.output("m", s.max(1))
    d_, b_ = make.aux("d", d, Bound.LOOKUP), make.aux("b", b)
    fd, fb = make.form((i, j), make.view(d_, i, j)), make.form((i, j), make.view(b_, i, j))
    fs = make.form((i, j), make.view(s_, i, j))
    fm = make.form((i, j), make.view(m_, i))
    make.relation("difference", (i, j), (1, (fm,)), (-1, (fd,)), (-1, (fs,)))
    make.relation("at a zero", (i, j), (1, (fb, fd)))
    make.relation("one of them", (i,), (1, (fb,)), (-1, ()))
    make.lookup(make.table(0, 64), fd)


def _window(make: Maker) -> None:
    """A convolution of stride 2 with padding; its window is one composite axis."""
    o, k = make.label("o", 5), make.label("k", 3)
    x, w = make.random.integers(-9, 9, 9), make.random.integers(-9, 9, 3)
    padded = np.concatenate([[0], x, [0]])
    y = np.array([(padded[2 * i : 2 * i + 3] * w).sum() for i in range(5)])
    x_, w_, y_ = make.input("x", x), make.weight("w", w), make.output("y", y)
    fx = make.form((o, k), make.view(x_, Affine(-1, ((o, 2), (k, 1)))))
    fw, fy = make.form((k,), make.view(w_, k)), make.form((o,), make.view(y_, o))
    make.relation("window", (o,), (1, (fx, fw)), (-1, (fy,)))
    make.lookup(make.table(-9, 20), fx)


def _heads(make: Maker) -> None:
    """Scores of two heads whose columns lie side by side, and a slice with a concatenation."""
    h, i, j, d = (make.label(n, s) for n, s in (("h", 2), ("i", 3), ("j", 3), ("d", 3)))
    c = make.label("c", 6)
    q, k = make.random.integers(-9, 9, (2, 3, 6))
    s = np.einsum("ihd,jhd->hij", q.reshape(3, 2, 3), k.reshape(3, 2, 3))
    q_, k_, s_ = make.input("q", q), make.input("k", k), make.output("s", s)
    z_ = make.output("z", np.concatenate([q[:, 2:], k[:, :2]], 1))
    head = Affine(0, ((h, 3), (d, 1)))
    fq = make.form((h, i, d), make.view(q_, i, head))
    fk = make.form((h, j, d), make.view(k_, j, head))
    fs = make.form((h, i, j), make.view(s_, h, i, j))
    make.relation("scores", (h, i, j), (1, (fq, fk)), (-1, (fs,)))
    joined = make.form(
        (i, c),
        make.view(q_, i, Affine(2, ((c, 1),))),
        make.view(k_, i, Affine(-4, ((c, 1),))),
        make.view(z_, i, c, coefficient=-1),
    )
    make.relation("joined", (i, c), (1, (joined,)))


def _mixed(make: Maker) -> None:
    """A product of three forms, one of them without some shared label."""
    h, i, j, d = (make.label(n, s) for n, s in (("h", 3), ("i", 5), ("j", 5), ("d", 2)))
    e, v = make.random.integers(0, 9, (3, 5, 5)), make.random.integers(-9, 9, (3, 5, 2))
    mask = np.tril(np.ones((5, 5), np.int64))
    m_, e_, v_ = make.weight("mask", mask), make.input("e", e), make.input("v", v)
    o_ = make.output("o", np.einsum("ij,hij,hjd->hid", mask, e, v))
    fm = make.form((i, j), make.view(m_, i, j))
    fe = make.form((h, i, j), make.view(e_, h, i, j))
    fv = make.form((h, j, d), make.view(v_, h, j, d))
    fo = make.form((h, i, d), make.view(o_, h, i, d))
    make.relation("mixed", (h, i, d), (1, (fm, fe, fv)), (-1, (fo,)))


def _outer(make: Maker) -> None:
    """A product without a shared label, a label of size 1, and an output label in no form."""
    i, j, z = make.label("i", 3), make.label("j", 4), make.label("z", 1)
    a, b = make.random.integers(-9, 9, 3), make.random.integers(-9, 9, (4, 1))
    a_, b_ = make.input("a", a), make.input("b", b)
    c_, s_ = make.output("c", np.outer(a, b)), make.output("s", np.array(a.sum() * b.sum()))
    fa, fb = make.form((i,), make.view(a_, i)), make.form((j, z), make.view(b_, j, z))
    fc, fs = make.form((i, j), make.view(c_, i, j)), make.form((), make.view(s_))
    make.relation("outer", (i, j, z), (1, (fa, fb)), (-1, (fc,)))
    make.relation("sums", (), (1, (fa, fb)), (-1, (fs,)))
    make.relation("idle", (j,), (2, (fa, fa)), (-1, (fa, fa)), (-1, (fa, fa)), (3, ()), (-3, ()))


def _picked(make: Maker) -> None:
    """Rows of a weight chosen by public numbers."""
    t, c = make.label("t", 5), make.label("c", 3)
    e, ids = make.random.integers(-9, 9, (10, 3)), make.random.integers(0, 10, (1, 5))
    e_ = make.weight("e", e)
    ids_ = make.input("ids", ids, Bound.PUBLIC)
    y_ = make.output("y", e[ids[0]])
    make.public.append(ids_)
    fe = make.form((t, c), make.view(e_, Picked(ids_, t), c))
    fy = make.form((t, c), make.view(y_, t, c))
    ones = make.form((t,), constant=1)
    make.relation("embedding", (t, c), (1, (fe,)), (-1, (fy,)))
    make.relation("summed", (t,), (1, (fe, ones)), (-1, (fy, ones)))


def _no_relations(make: Maker) -> None:
    t = make.label("t", 11)
    x_ = make.output("x", make.random.integers(0, 10, 11), Bound.LOOKUP)
    make.lookup(make.table(0, 10), make.form((t,), make.view(x_, t)))


def _public_output(make: Maker) -> None:
    """Neither look-ups nor weights nor aux: a copy that is published, negative values too."""
    t = make.label("t", 6)
    x = make.random.integers(-10, 10, 6)
    x_, y_ = make.input("x", x), make.output("y", -x, Bound.PUBLIC)
    make.public.append(y_)
    both = make.form((t,), make.view(x_, t), make.view(y_, t))
    make.relation("negated", (t,), (1, (both,)))


def _unused(make: Maker) -> None:
    """A tensor of which one entry is read, and tensors that nothing reads."""
    t = make.label("t", 2)
    x, y = make.random.integers(-9, 9, (7, 5)), make.random.integers(-9, 9, 11)
    x_, _ = make.input("x", x), make.aux("y", y)
    make.weight("w", make.random.integers(-9, 9, (3, 3)))
    z_ = make.output("z", x[5, 2:4])
    both = make.form(
        (t,),
        make.view(x_, Affine(5, ()), Affine(2, ((t, 1),))),
        make.view(z_, t, coefficient=-1),
    )
    make.relation("a piece", (t,), (1, (both,)))


def _single(make: Maker) -> None:
    """One entry."""
    make.output("x", np.array(3))


_BUILDERS: dict[str, Callable[[Maker], None]] = {
    "matmul": _matmul,
    "product_1": _product(1),
    "product_3": _product(3),
    "product_96": _product(96),
    "product_127": _product(127),
    "squares": _squares,
    "maximum": _maximum,
    "window": _window,
    "heads": _heads,
    "mixed": _mixed,
    "outer": _outer,
    "picked": _picked,
    "no_relations": _no_relations,
    "public_output": _public_output,
    "unused": _unused,
    "single": _single,
}
NAMES = tuple(_BUILDERS)


def honest(
    name: str, preset: Preset = PRESET, columns_log: int = 3
) -> tuple[System, Values, bytes]:
    """A System, integers that satisfy it, and the context of its proof."""
    make = Maker()
    _BUILDERS[name](make)
    return make.finish(columns_log, preset), make.values, CONTEXT

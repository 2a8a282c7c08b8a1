"""Both kernel modules against the definitions, in exact Python integers."""

from __future__ import annotations

import random
import subprocess
import sys
from functools import cache
from hashlib import sha256
from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.field import Element, P
from zkdps.provers.sumcheck.kernels import kernels_for
from zkdps.provers.sumcheck.kernels.interface import Kernels, Vec

kernels_for = cache(kernels_for)
MODULES = [
    pytest.param((4, False), id="portable4"),
    pytest.param((5, False), id="portable5"),
    pytest.param((4, True), id="compiled4"),
    pytest.param((5, True), id="compiled5", marks=pytest.mark.slow),  # it compiles for 25 s
]
few = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(params=MODULES)
def k(request: pytest.FixtureRequest) -> Kernels:
    degree, compiled = request.param
    return kernels_for(degree, compiled=compiled)


class Draw:
    """Random elements and integers, extreme ones often."""

    def __init__(self, seed: int, degree: int) -> None:
        self.rng, self.degree = random.Random(seed), degree

    def element(self) -> Element:
        extreme = (0, 1, P - 1)
        choices = [self.rng.choice(extreme), self.rng.randrange(P), self.rng.randrange(P)]
        return tuple(self.rng.choice(choices) for _ in range(self.degree))

    def elements(self, n: int) -> list[Element]:
        return [self.element() for _ in range(n)]

    def integers(self, *shape: int, bits: int = 31) -> np.ndarray:
        limit = 1 << bits
        extreme = (-limit, limit - 1, -1, 0)
        values = [
            self.rng.choice(extreme)
            if self.rng.random() < 0.3
            else self.rng.randrange(-limit, limit)
            for _ in range(prod(shape))
        ]
        return np.array(values, np.int32).reshape(shape)


def lifted(integers: np.ndarray, degree: int) -> list[Element]:
    return [field.element(int(x), degree) for x in integers]


def bound(low: Element, high: Element, c: Element) -> Element:
    return field.add(low, field.mul(c, field.sub(high, low)))


def folded(values: list[Element], c: Element) -> list[Element]:
    half = len(values) // 2
    return [bound(x, y, c) for x, y in zip(values[:half], values[half:], strict=True)]


@few
@given(seed=seeds, n=st.integers(0, 70))
def test_in_and_out(k: Kernels, seed: int, n: int) -> None:
    values = Draw(seed, k.degree).elements(n)
    vec = k.from_elements(values)
    assert len(vec) == k.degree
    assert all(x.dtype == np.uint32 and x.flags.c_contiguous for x in vec)
    assert k.length(vec) == n
    assert k.to_elements(vec) == values
    data = b"".join(limb.to_bytes(4, "little") for value in values for limb in value)
    assert k.to_bytes(vec) == data
    assert k.to_elements(k.from_bytes(data)) == values
    cut = n // 3
    parts = [k.take(vec, 0, cut), k.take(vec, cut, n)]
    assert k.to_elements(parts[1]) == values[cut:]
    assert k.to_elements(k.concat(parts)) == values
    assert k.to_elements(k.concat([])) == []
    assert k.to_elements(k.zeros(n)) == [field.zero(k.degree)] * n


def test_bytes_are_strict(k: Kernels) -> None:
    good = bytes(4 * k.degree)
    for bad in (
        good[:-1],
        good + bytes(4),
        P.to_bytes(4, "little") + good[4:],
        b"\xff" * len(good),
    ):
        with pytest.raises(ValueError, match=r"limb|whole number"):
            k.from_bytes(bad)


@few
@given(seed=seeds, n=st.integers(0, 70))
def test_vectors(k: Kernels, seed: int, n: int) -> None:
    draw = Draw(seed, k.degree)
    a, b, c = draw.elements(n), draw.elements(n), draw.element()
    x, y = k.from_elements(a), k.from_elements(b)
    pairs = list(zip(a, b, strict=True))
    assert k.to_elements(k.add(x, y)) == [field.add(*pair) for pair in pairs]
    assert k.to_elements(k.mul(x, y)) == [field.mul(*pair) for pair in pairs]
    assert k.to_elements(k.scale(x, c)) == [field.mul(v, c) for v in a]
    assert k.total(x) == field.total(a, k.degree)
    assert k.dot(x, y) == field.dot(a, b, k.degree)
    short = k.take(y, 0, min(n, 5))
    assert k.to_elements(k.outer(x, short)) == [field.mul(v, w) for v in a for w in b[:5]]
    m = n // 2
    assert k.to_elements(k.fold(k.take(x, 0, 2 * m), c)) == folded(a[: 2 * m], c)
    pairwise = [bound(a[2 * i], a[2 * i + 1], c) for i in range(m)]
    assert k.to_elements(k.fold_pairs(k.take(x, 0, 2 * m), c)) == pairwise
    assert k.to_elements(x) == a


def test_dot_at_the_limits(k: Kernels) -> None:
    n = 3000
    most = (P - 1,) * k.degree
    vec = k.from_elements([most] * n)
    assert k.dot(vec, vec) == field.scale(field.mul(most, most), n)
    assert k.total(vec) == field.scale(most, n)


@few
@given(seed=seeds, n=st.integers(1, 40), size=st.integers(1, 9), wide=st.booleans())
def test_integers_become_entries(k: Kernels, seed: int, n: int, size: int, wide: bool) -> None:
    draw = Draw(seed, k.degree)
    narrow = draw.integers(n)
    integers = narrow.astype(np.int64) * (1 << 20) if wide else narrow
    assert k.to_elements(k.lift(integers)) == lifted(integers, k.degree)
    values, positions = draw.elements(n), np.array([draw.rng.randrange(-2, size) for _ in range(n)])
    expected = [field.zero(k.degree)] * size
    for value, at in zip(values, positions, strict=True):
        if at >= 0:
            expected[at] = field.add(expected[at], value)
    assert k.to_elements(k.scatter(k.from_elements(values), positions, size)) == expected
    base, beta = draw.elements(2)
    keys = [field.sub(base, x) for x in lifted(integers, k.degree)]
    assert k.to_elements(k.fingerprints(integers, None, base, beta)) == keys
    pairs = [field.sub(x, field.scale(beta, int(v))) for x, v in zip(keys, narrow, strict=True)]
    assert k.to_elements(k.fingerprints(integers, narrow, base, beta)) == pairs


def test_scatter_refuses_positions_beyond(k: Kernels) -> None:
    with pytest.raises(IndexError):
        k.scatter(k.zeros(2), np.array([0, 3]), 3)


@pytest.mark.parametrize("variables", [0, 1, 4, 11])
def test_eq_table(k: Kernels, variables: int) -> None:
    point = Draw(variables, k.degree).elements(variables)
    assert k.to_elements(k.eq_table(point)) == field.eq_table(point, k.degree)


@pytest.mark.parametrize(
    ("rows", "columns", "bits"),
    [
        (1, 1, 31),
        (3, 7, 31),
        (5, 600, 20),
        (2, 2300, 20),
        (2300, 2, 20),
        (2, 2300, 31),
        (9, 513, 8),
    ],
)
def test_integer_matrices(k: Kernels, rows: int, columns: int, bits: int) -> None:
    draw = Draw(rows + columns, k.degree)
    matrix = draw.integers(rows, columns, bits=bits)
    matrix[0, 0] = -1 << bits
    a, b = draw.elements(rows), draw.elements(columns)
    # Residues by numpy's exact big integers, limb by limb.
    wide = matrix.astype(object)
    by_rows = (wide @ np.array(b, object)) % P
    by_columns = (wide.T @ np.array(a, object)) % P
    matrix.flags.writeable = False
    assert k.to_elements(k.rows_dot(matrix, k.from_elements(b))) == [tuple(x) for x in by_rows]
    assert k.to_elements(k.dot_rows(matrix, k.from_elements(a))) == [tuple(x) for x in by_columns]


def test_integer_matrices_at_the_limits(k: Kernels) -> None:
    for value in (-(1 << 20), (1 << 20) - 1, 1 << 20, -(1 << 31)):
        matrix = np.full((4100, 1), value, np.int32)
        vec = k.from_elements([(P - 1,) * k.degree] * 4100)
        expected = [field.scale((P - 1,) * k.degree, 4100 * value)]
        assert k.to_elements(k.dot_rows(matrix, vec)) == expected
        assert k.to_elements(k.rows_dot(matrix.reshape(1, -1), vec)) == expected


@few
@given(seed=seeds, half=st.integers(1, 40), count=st.integers(1, 4), degree=st.integers(1, 5))
def test_product_round(k: Kernels, seed: int, half: int, count: int, degree: int) -> None:
    draw = Draw(seed, k.degree)
    factors = [draw.elements(2 * half) for _ in range(count)]
    expected = []
    for x in (0, *range(2, degree + 1)):
        at_x = [folded(f, field.element(x, k.degree)) for f in factors]
        total = field.zero(k.degree)
        for entries in zip(*at_x, strict=True):
            product = entries[0]
            for entry in entries[1:]:
                product = field.mul(product, entry)
            total = field.add(total, product)
        expected.append(total)
    assert k.product_round([k.from_elements(f) for f in factors], degree) == expected


@few
@given(seed=seeds, half=st.integers(1, 40))
def test_pair_round(k: Kernels, seed: int, half: int) -> None:
    draw = Draw(seed, k.degree)
    a, b = draw.elements(2 * half), draw.elements(2 * half)
    zero = field.dot(a[0::2], b[0::2], k.degree)
    steps = [[field.sub(y, x) for x, y in zip(v[0::2], v[1::2], strict=True)] for v in (a, b)]
    expected = zero, field.dot(steps[0], steps[1], k.degree)
    assert k.pair_round(k.from_elements(a), k.from_elements(b)) == expected


def test_rounds_over_several_chunks() -> None:
    """The compiled kernels work in chunks of 512; the portable ones do not."""
    fast, slow = kernels_for(4, compiled=True), kernels_for(4, compiled=False)
    draw = Draw(1, 4)
    values = [draw.elements(2 * 1100) for _ in range(4)]
    for count in (1, 2, 3, 4):
        rounds = [
            m.product_round([m.from_elements(v) for v in values[:count]], 5) for m in (fast, slow)
        ]
        assert rounds[0] == rounds[1]
    pairs = [m.pair_round(*(m.from_elements(v) for v in values[:2])) for m in (fast, slow)]
    assert pairs[0] == pairs[1]


# --- logUp -------------------------------------------------------------------------------------


def padded(values: list[Element], tail: Element, size: int) -> list[Element]:
    return values + [tail] * (size - len(values))


def layer_sums(
    halves: list[list[Element]], point: list[Element], batch: Element
) -> tuple[Element, Element]:
    """h(0) and h(inf) of the next round: eq over the variables after the first."""
    degree = len(batch)
    weights = field.eq_table(point[1:], degree)
    m = len(weights)
    low = [v[:m] for v in halves]
    steps = [[field.sub(y, x) for x, y in zip(v[:m], v[m:], strict=True)] for v in halves]
    sums = []
    for vectors in (low, steps):
        values = [
            field.add(
                field.add(field.mul(p0, q1), field.mul(p1, q0)),
                field.mul(batch, field.mul(q0, q1)),
            )
            for p0, p1, q0, q1 in zip(*vectors, strict=True)
        ]
        sums.append(field.dot(weights, values, degree))
    return sums[0], sums[1]


@settings(few, max_examples=25)
@given(seed=seeds, variables=st.integers(0, 5), unit=st.booleans(), data=st.data())
def test_tree_layers(
    k: Kernels, seed: int, variables: int, unit: bool, data: st.DataObject
) -> None:
    half, degree = 1 << variables, k.degree
    held = data.draw(st.integers(0, 2 * half))
    draw = Draw(seed, degree)
    q, one = draw.elements(held), field.one(degree)
    p = [one] * held if unit else draw.elements(held)
    vec_p, vec_q = None if unit else k.from_elements(p), k.from_elements(q)
    full_p, full_q = padded(p, field.zero(degree), 2 * half), padded(q, one, 2 * half)
    halves = [full_p[:half], full_p[half:], full_q[:half], full_q[half:]]

    above_p, above_q = k.fractions(vec_p, vec_q, half)
    expected = [
        field.add(field.mul(p0, q1), field.mul(p1, q0))
        for p0, p1, q0, q1 in zip(*halves, strict=True)
    ]
    kept = min(held, half)
    assert k.to_elements(above_p) == expected[:kept]
    assert k.to_elements(above_q) == [
        field.mul(x, y) for x, y in zip(halves[2][:kept], halves[3][:kept], strict=True)
    ]

    point, batch = draw.elements(variables), draw.elements(1)[0]
    batch = batch if any(batch) else one
    layer = k.fraction_start(vec_p, vec_q, half, point, batch)
    challenge = None
    for j in range(variables):
        layer, *sums = k.fraction_round(layer, challenge)
        if challenge is not None:
            halves = [folded(v, challenge) for v in halves]
        assert tuple(sums) == layer_sums(halves, point[j:], batch)
        challenge = draw.element()
    if challenge is not None:
        halves = [folded(v, challenge) for v in halves]
    assert k.fraction_end(layer, challenge) == tuple(v[0] for v in halves)


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("held", [4096, 3001, 2049])
def test_large_layers_agree(unit: bool, held: int) -> None:
    """Eq tables in two parts, and cuts off their grid: the twins' transcripts are equal."""
    draw = Draw(held, 4)
    p, q = None if unit else draw.elements(held), draw.elements(held)
    point, challenges, batch = draw.elements(11), draw.elements(11), draw.element()
    transcripts = []
    for module in (kernels_for(4, compiled=True), kernels_for(4, compiled=False)):
        vec_p = None if p is None else module.from_elements(p)
        layer = module.fraction_start(vec_p, module.from_elements(q), 2048, point, batch)
        seen: list[Element] = []
        for j in range(11):
            layer, *sums = module.fraction_round(layer, challenges[j - 1] if j else None)
            seen += sums
        transcripts.append([*seen, *module.fraction_end(layer, challenges[-1])])
    assert transcripts[0] == transcripts[1]


# --- code --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "lg_c", "lg_n"), [(1, 0, 0), (3, 0, 2), (2, 1, 1), (17, 3, 4), (5, 4, 6), (33, 5, 6)]
)
def test_encode(k: Kernels, rows: int, lg_c: int, lg_n: int) -> None:
    draw = Draw(rows, k.degree)
    n, columns = 1 << lg_n, 1 << lg_c
    matrix, root = draw.integers(rows, columns), field.omega(1 << lg_n)
    powers = np.array([[pow(root, i * j, P) for j in range(columns)] for i in range(n)], object)
    codeword = k.encode(matrix, lg_n)
    assert codeword.dtype == np.uint32
    assert codeword.flags.c_contiguous
    assert np.array_equal(codeword, (powers @ matrix.astype(object).T) % P)
    u = draw.elements(columns)
    indices = [draw.rng.randrange(n) for _ in range(4)]
    expected = (powers[indices] @ np.array(u, object)) % P
    assert k.encode_at(k.from_elements(u), lg_n, indices) == [tuple(x) for x in expected]


def test_combine_columns(k: Kernels) -> None:
    draw = Draw(3, k.degree)
    a = draw.elements(19)
    values = [[draw.rng.choice([0, P - 1, draw.rng.randrange(P)]) for _ in a] for _ in range(6)]
    columns = np.array(values, np.uint32)
    expected = (columns.astype(object) @ np.array(a, object)) % P
    assert k.combine_columns(columns, k.from_elements(a)) == [tuple(x) for x in expected]
    assert k.combine_columns(columns[:0], k.from_elements(a)) == []


@pytest.mark.parametrize("bits", [0, 1, 5, 11])
def test_grind(k: Kernels, bits: int) -> None:
    state = sha256(bytes([bits])).digest()

    def fits(nonce: int) -> bool:
        digest = sha256(state + b"\x03" + nonce.to_bytes(8, "little")).digest()
        return int.from_bytes(digest[:4], "little") % (1 << bits) == 0

    nonce = k.grind(state, bits)
    assert fits(nonce)
    assert not any(fits(smaller) for smaller in range(nonce))


# --- the choice --------------------------------------------------------------------------------


def test_the_verifiers_kernels_need_no_numba() -> None:
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "from zkdps.core.errors import MissingPackage\n"
        "from zkdps.provers.sumcheck.kernels import kernels_for\n"
        "kernels_for(4, compiled=False)\n"
        "try:\n    kernels_for(4, compiled=True)\n"
        "except MissingPackage as error:\n    sys.stdout.write(str(error))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install 'zkdps[operator]'" in done.stdout


def test_only_two_degrees() -> None:
    with pytest.raises(ValueError, match="degree 3"):
        kernels_for(3, compiled=False)


def test_views_are_not_written(k: Kernels) -> None:
    values = Draw(9, k.degree).elements(8)
    q: Vec = k.from_elements(values)
    layer = k.fraction_start(q, q, 4, values[:2], values[2])
    layer, *_ = k.fraction_round(layer, None)
    layer, *_ = k.fraction_round(layer, values[3])
    k.fraction_end(layer, values[4])
    assert k.to_elements(q) == values

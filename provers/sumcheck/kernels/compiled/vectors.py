"""Entrywise kernels: products, sums, folds, tables, and integers becoming entries."""

from __future__ import annotations

from typing import Any

from zkdps.provers.sumcheck.kernels.compiled.arithmetic import (
    add,
    load,
    mul,
    mul_words,
    part,
    store,
    sub,
    sub_words,
    word_of,
)
from zkdps.provers.sumcheck.kernels.compiled.jit import kernel, loop


@loop
def mul_into(a: Any, b: Any, out: Any) -> None:
    """out = a b."""
    for i in range(len(out[0])):
        store(out, i, mul(load(a, i), load(b, i)))


@loop
def add_into(a: Any, b: Any, out: Any) -> None:
    """out = a + b."""
    for i in range(len(out[0])):
        store(out, i, add(load(a, i), load(b, i)))


@loop
def sub_into(a: Any, b: Any, out: Any) -> None:
    """out = a - b."""
    for i in range(len(out[0])):
        store(out, i, sub(load(a, i), load(b, i)))


@loop
def scale_into(a: Any, c: Any, out: Any) -> None:
    """out = c a."""
    for i in range(len(out[0])):
        store(out, i, mul(load(a, i), c))


@loop
def fold_into(low: Any, high: Any, c: Any, out: Any) -> None:
    """out = low + c (high - low)."""
    for i in range(len(out[0])):
        x = load(low, i)
        store(out, i, add(x, mul(sub(load(high, i), x), c)))


@kernel("VVV")
def multiply(a: Any, b: Any, out: Any) -> None:
    """out = a b."""
    mul_into(a, b, out)


@kernel("VVV")
def total_of(a: Any, b: Any, out: Any) -> None:
    """out = a + b."""
    add_into(a, b, out)


@kernel("VEV")
def multiple(a: Any, c: Any, out: Any) -> None:
    """out = c a."""
    scale_into(a, c, out)


@kernel("VEEV")
def affine(a: Any, c: Any, d: Any, out: Any) -> None:
    """out = c a + d."""
    for i in range(len(out[0])):
        store(out, i, add(mul(load(a, i), c), d))


@kernel("VVEV")
def combination(a: Any, b: Any, c: Any, out: Any) -> None:
    """out = a + c b."""
    for i in range(len(out[0])):
        store(out, i, add(load(a, i), mul(load(b, i), c)))


@kernel("VVEV")
def fold(low: Any, high: Any, c: Any, out: Any) -> None:
    """out = low + c (high - low)."""
    fold_into(low, high, c, out)


@kernel("VEV")
def fold_pairs(a: Any, c: Any, out: Any) -> None:
    """out[i] = a[2i] + c (a[2i+1] - a[2i])."""
    for i in range(len(out[0])):
        x = load(a, 2 * i)
        store(out, i, add(x, mul(sub(load(a, 2 * i + 1), x), c)))


@loop
def _eq_double(table: Any, z: Any, high: Any) -> None:
    """high = z table, then table -= high."""
    for i in range(len(table[0])):
        x = load(table, i)
        y = mul(x, z)
        store(high, i, y)
        store(table, i, sub(x, y))


@kernel("VEV")
def eq_table(point: Any, one: Any, out: Any) -> None:
    """eq(point, x) for every x; the last coordinate first, so that halves stay contiguous."""
    store(out, 0, one)
    for k in range(len(point[0])):
        size = 1 << k
        z = load(point, len(point[0]) - 1 - k)
        _eq_double(part(out, 0, size), z, part(out, size, 2 * size))


@kernel("VEV")
def eq_suffixes(point: Any, one: Any, out: Any) -> None:
    """The eq table of the last k coordinates at out[2^k ..], for every k."""
    store(out, 1, one)
    for k in range(len(point[0])):
        size = 1 << k
        z = load(point, len(point[0]) - 1 - k)
        low, high = part(out, 2 * size, 3 * size), part(out, 3 * size, 4 * size)
        table = part(out, size, 2 * size)
        scale_into(table, z, high)
        sub_into(table, high, low)


@kernel("VVV")
def outer(a: Any, b: Any, out: Any) -> None:
    """out[i m + j] = a[i] b[j], m = len(b)."""
    m = len(b[0])
    for i in range(len(a[0])):
        x = load(a, i)
        for j in range(m):
            store(out, i * m + j, mul(load(b, j), x))


@kernel("VLV")
def scatter(a: Any, positions: Any, out: Any) -> None:
    """out[positions[i]] += a[i] where the position is not negative."""
    for i in range(len(positions)):
        at = positions[i]
        if at >= 0:
            store(out, at, add(load(out, at), load(a, i)))


@kernel("RIU")
def rescale(words: Any, factor: Any, out: Any) -> None:
    """out = words factor / R: into Montgomery form by R^2, out of it by 1."""
    for i in range(len(out)):
        out[i] = mul_words(words[i], factor)


@kernel("MIU")
def lift(integers: Any, factor: Any, out: Any) -> None:
    """out = integers factor / R, of integers with 32 bits and sign."""
    for i in range(len(out)):
        out[i] = mul_words(word_of(integers[i]), factor)


@kernel("MIIU")
def fingerprint_keys(keys: Any, base: Any, factor: Any, out: Any) -> None:
    """out = base - keys factor / R: one limb of fingerprints."""
    for i in range(len(out)):
        out[i] = sub_words(base, mul_words(word_of(keys[i]), factor))


@kernel("MIU")
def subtract_multiple(values: Any, factor: Any, out: Any) -> None:
    """out -= values factor / R: one limb of fingerprints."""
    for i in range(len(out)):
        out[i] = sub_words(out[i], mul_words(word_of(values[i]), factor))

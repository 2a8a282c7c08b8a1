"""Real functions of one variable, put together from ONNX nodes.

`x * 0.5 * (1 + erf(x / sqrt 2))` arrives as five nodes and leaves as one look-up table.  An
expression is a tree over one variable; it prints itself, compares by structure and evaluates in
float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

_erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True, slots=True)
class Expression:
    """A function of x; without operands, x itself."""

    operator: str
    """An ONNX operator of `FUNCTIONS`, or `x`."""
    operands: tuple[Expression | float, ...] = ()
    parameters: tuple[tuple[str, float], ...] = ()
    """Attributes of the operator, all of them, by name."""

    def __call__(self, x: Reals) -> Reals:
        """The function, elementwise, float64 to float64 of the same shape."""
        if self.operator == "x":
            return x
        operands = [
            operand(x) if isinstance(operand, Expression) else np.full_like(x, operand)
            for operand in self.operands
        ]
        with np.errstate(all="ignore"):
            made = FUNCTIONS[self.operator](operands, dict(self.parameters))
        return np.asarray(made, dtype=np.float64)

    def __str__(self) -> str:
        if self.operator == "x":
            return "x"
        inside = [
            str(operand) if isinstance(operand, Expression) else f"{operand:.9g}"
            for operand in self.operands
        ]
        inside += [f"{name}={value:.9g}" for name, value in self.parameters]
        return f"{self.operator}({', '.join(inside)})"


X = Expression("x")


def scaled(factor: float, shift: float, inner: Expression = X) -> Expression:
    """factor * inner + shift, without what changes nothing."""
    result = inner if factor == 1.0 else Expression("Mul", (inner, factor))
    return result if shift == 0.0 else Expression("Add", (result, shift))


def substituted(outer: Expression, inner: Expression) -> Expression:
    """outer(inner(x))."""
    if outer.operator == "x":
        return inner
    operands = tuple(
        substituted(operand, inner) if isinstance(operand, Expression) else operand
        for operand in outer.operands
    )
    return Expression(outer.operator, operands, outer.parameters)


def _unary(function: Callable[[Reals], Reals]) -> Function:
    return lambda operands, _: function(operands[0])


def _folded(function: Callable[[Reals, Reals], Reals]) -> Function:
    def apply(operands: list[Reals], _: dict[str, float]) -> Reals:
        result = operands[0]
        for operand in operands[1:]:
            result = function(result, operand)
        return result

    return apply


def _sigmoid(x: Reals) -> Reals:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def _elu(x: Reals, alpha: float) -> Reals:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _selu(operands: list[Reals], of: dict[str, float]) -> Reals:
    return np.asarray(of["gamma"] * _elu(operands[0], of["alpha"]))


def _celu(operands: list[Reals], of: dict[str, float]) -> Reals:
    x, alpha = operands[0], of["alpha"]
    return np.asarray(np.maximum(x, 0.0) + np.minimum(alpha * np.expm1(x / alpha), 0.0))


def _hard_sigmoid(operands: list[Reals], of: dict[str, float]) -> Reals:
    return np.clip(of["alpha"] * operands[0] + of["beta"], 0.0, 1.0)


def _shrink(operands: list[Reals], of: dict[str, float]) -> Reals:
    x, bound, bias = operands[0], of["lambd"], of["bias"]
    return np.where(x < -bound, x + bias, np.where(x > bound, x - bias, 0.0))


def _clip(operands: list[Reals], _: dict[str, float]) -> Reals:
    return np.minimum(np.maximum(operands[0], operands[1]), operands[2])


def _where(operands: list[Reals], _: dict[str, float]) -> Reals:
    return np.where(operands[0] != 0, operands[1], operands[2])


Function = Callable[[list[Reals], dict[str, float]], Reals]

FUNCTIONS: Mapping[str, Function] = {
    "Abs": _unary(np.abs),
    "Acos": _unary(np.arccos),
    "Acosh": _unary(np.arccosh),
    "Add": _folded(np.add),
    "And": _folded(lambda a, b: (a != 0) & (b != 0)),
    "Asin": _unary(np.arcsin),
    "Asinh": _unary(np.arcsinh),
    "Atan": _unary(np.arctan),
    "Atanh": _unary(np.arctanh),
    "Ceil": _unary(np.ceil),
    "Celu": _celu,
    "Clip": _clip,
    "Cos": _unary(np.cos),
    "Cosh": _unary(np.cosh),
    "Div": _folded(np.divide),
    "Elu": lambda operands, of: _elu(operands[0], of["alpha"]),
    "Equal": _folded(lambda a, b: np.equal(a, b).astype(np.float64)),
    "Erf": _unary(_erf),
    "Exp": _unary(np.exp),
    "Floor": _unary(np.floor),
    "Greater": _folded(lambda a, b: np.greater(a, b).astype(np.float64)),
    "GreaterOrEqual": _folded(lambda a, b: np.greater_equal(a, b).astype(np.float64)),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _unary(lambda x: x * np.clip(x / 6.0 + 0.5, 0.0, 1.0)),
    "LeakyRelu": lambda operands, of: np.where(
        operands[0] >= 0, operands[0], of["alpha"] * operands[0]
    ),
    "Less": _folded(lambda a, b: np.less(a, b).astype(np.float64)),
    "LessOrEqual": _folded(lambda a, b: np.less_equal(a, b).astype(np.float64)),
    "Log": _unary(np.log),
    "Max": _folded(np.maximum),
    "Min": _folded(np.minimum),
    "Mul": _folded(np.multiply),
    "Neg": _unary(np.negative),
    "Not": _unary(lambda x: (x == 0).astype(np.float64)),
    "Or": _folded(lambda a, b: (a != 0) | (b != 0)),
    "Pow": _folded(np.power),
    "Reciprocal": _unary(np.reciprocal),
    "Relu": _unary(lambda x: np.maximum(x, 0.0)),
    "Round": _unary(np.rint),
    "Selu": _selu,
    "Shrink": _shrink,
    "Sigmoid": _unary(_sigmoid),
    "Sign": _unary(np.sign),
    "Sin": _unary(np.sin),
    "Sinh": _unary(np.sinh),
    "Softplus": _unary(lambda x: np.logaddexp(0.0, x)),
    "Softsign": _unary(lambda x: x / (1.0 + np.abs(x))),
    "Sqrt": _unary(np.sqrt),
    "Sub": _folded(np.subtract),
    "Sum": _folded(np.add),
    "Tan": _unary(np.tan),
    "Tanh": _unary(np.tanh),
    "ThresholdedRelu": lambda operands, of: np.where(operands[0] > of["alpha"], operands[0], 0.0),
    "Where": _where,
    "Xor": _folded(lambda a, b: (a != 0) ^ (b != 0)),
}
"""Elementwise operators of ONNX by what they compute in float64; truth is 1 and 0."""

"""The prover's side of the relations' sum-check: factors as vectors, folded round by round.

Source: docs/sumcheck.md, section 5, step 2.
"""

from __future__ import annotations

from collections.abc import Sequence

from zkdps.provers.sumcheck import field
from zkdps.provers.sumcheck.axes import Axes, Support, Weights
from zkdps.provers.sumcheck.contract import boxed_eq, boxed_form
from zkdps.provers.sumcheck.field import Element, P
from zkdps.provers.sumcheck.integers import Tensors
from zkdps.provers.sumcheck.kernels.interface import Vec
from zkdps.provers.sumcheck.polynomials import at_integer, coefficients, evaluate
from zkdps.provers.sumcheck.system import System
from zkdps.provers.sumcheck.terms import ProductTerm, Terms

_HALF = pow(2, -1, P)


class ProductSums:
    """Vectors of all factors over the boxes of their terms' shared labels.

    Boxes are padded to powers of two and lie in System order of the labels, so the label that is
    being bound is always the first axis, and binding folds halves.
    """

    def __init__(
        self,
        system: System,
        axes: Axes,
        values: Tensors,
        terms: Terms,
        fixed: Sequence[Weights],
        rho: Sequence[Support],
        scales: Sequence[Element],
    ) -> None:
        self._kernels = axes.kernels
        self._terms = terms
        self._scales = list(scales)
        self._vectors: dict[tuple[int, tuple[int, ...]], Vec] = {}
        """(factor, shared labels of the term) to the vector over that box."""
        self._eq: dict[tuple[tuple[int, ...], tuple[int, ...]], Vec] = {}
        """(shared labels, those with eq(rho, .)) to the product of the eq tables."""
        for term in terms.products:
            for factor in term.factors:
                key = factor, term.shared
                if key not in self._vectors:
                    form = terms.factors[factor].form
                    self._vectors[key] = boxed_form(
                        system, axes, values, form, fixed[factor], term.shared
                    )
            if term.outputs and (term.shared, term.outputs) not in self._eq:
                self._eq[term.shared, term.outputs] = boxed_eq(
                    system, axes.kernels, rho, term.shared, term.outputs
                )
        self._claims = [self._sum(term) for term in terms.products]
        self._rounds: list[list[Element]] = []

    def linear_value(self) -> Element:
        """What linear terms add up to if all relations hold: minus all products."""
        degree = self._kernels.degree
        return field.neg(field.dot(self._scales, self._claims, degree))

    def round(self, label: int) -> list[Element]:
        """g at 0, 2, .., degree, for the label's next variable."""
        degree = self._terms.degree
        self._rounds = []
        total = [field.zero(self._kernels.degree)] * degree
        for position, term in enumerate(self._terms.products):
            if label in term.shared:
                sent = self._kernels.product_round(self._factors(term), term.degree)
                values = [sent[0], field.sub(self._claims[position], sent[0]), *sent[1:]]
                polynomial = coefficients(values)
                sent = sent + [at_integer(polynomial, x) for x in range(len(values), degree + 1)]
            else:
                self._scales[position] = field.scale(self._scales[position], _HALF)
                polynomial = [self._claims[position]]
                sent = polynomial * degree
            self._rounds.append(polynomial)
            scale = self._scales[position]
            total = [field.add(t, field.mul(scale, s)) for t, s in zip(total, sent, strict=True)]
        return total

    def bind(self, label: int, challenge: Element) -> None:
        """Fix the variable of the round just sent."""
        self._claims = [evaluate(polynomial, challenge) for polynomial in self._rounds]
        for key, vec in self._vectors.items():
            if label in key[1]:
                self._vectors[key] = self._kernels.fold(vec, challenge)
        for eq_key, vec in self._eq.items():
            if label in eq_key[0]:
                self._eq[eq_key] = self._kernels.fold(vec, challenge)

    def ends(self) -> list[Element]:
        """Values of all factors, once every variable is bound."""
        ends: dict[int, Element] = {}
        for (factor, _), vec in self._vectors.items():
            ends[factor] = self._kernels.to_elements(vec)[0]
        return [ends[factor] for factor in range(len(self._terms.factors))]

    def _factors(self, term: ProductTerm) -> list[Vec]:
        found = [self._vectors[factor, term.shared] for factor in term.factors]
        if term.outputs:
            found.append(self._eq[term.shared, term.outputs])
        return found

    def _sum(self, term: ProductTerm) -> Element:
        factors = self._factors(term)
        product = factors[0]
        for other in factors[1:-1]:
            product = self._kernels.mul(product, other)
        return self._kernels.dot(product, factors[-1])

"""The terms of all relations, sorted for the sum-check: a plan that both ends derive.

Source: docs/sumcheck.md, section 5, step 2.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from zkdps.provers.sumcheck.system import System


class Class(Enum):
    """What happens to a form's label in a term."""

    SHARED = "shared"
    """It stands in two forms or more: variables of the sum-check."""
    OUTPUT = "output"
    """Of the relation, in one form: weighed by eq(rho, .)."""
    SUMMED = "summed"
    """In one form only and not of the relation: weighed by ones."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A form with a class for each of its labels: one value at the end of the sum-check."""

    form: int
    classes: tuple[Class, ...]


@dataclass(frozen=True, slots=True)
class LinearTerm:
    """A term of at most one form."""

    relation: int
    coefficient: int
    form: int | None
    free: tuple[int, ...]
    """Labels of the relation that the form has not."""


@dataclass(frozen=True, slots=True)
class ProductTerm:
    """A term of two or three forms."""

    relation: int
    coefficient: int
    factors: tuple[int, ...]
    """Positions in `Terms.factors`."""
    shared: tuple[int, ...]
    """Labels that become variables, in System order."""
    outputs: tuple[int, ...]
    """Those of them that the relation has: each brings a factor eq(rho, .)."""
    free: tuple[int, ...]
    """Labels of the relation that none of the forms has."""

    @property
    def degree(self) -> int:
        """Of its round polynomials."""
        return len(self.factors) + bool(self.outputs)


@dataclass(frozen=True, slots=True)
class Terms:
    """All terms of a System."""

    linear: tuple[LinearTerm, ...]
    products: tuple[ProductTerm, ...]
    factors: tuple[Factor, ...]
    """Distinct, in order of first use."""
    labels: tuple[int, ...]
    """Labels of the sum-check, in System order."""
    degree: int
    """Of its rounds, 2 at least."""


def terms_of(system: System) -> Terms:
    """The plan of a System's relations."""
    linear: list[LinearTerm] = []
    products: list[ProductTerm] = []
    factors: dict[Factor, int] = {}
    for position, relation in enumerate(system.relations):
        outputs = set(relation.labels)
        for term in relation.terms:
            counts = Counter(label for form in term.forms for label in system.forms[form].labels)
            free = tuple(label for label in relation.labels if label not in counts)
            if len(term.forms) < 2:
                form = term.forms[0] if term.forms else None
                linear.append(LinearTerm(position, term.coefficient, form, free))
                continue
            shared = tuple(sorted(label for label, count in counts.items() if count > 1))
            used = []
            for form in term.forms:
                factor = Factor(
                    form,
                    tuple(
                        Class.SHARED
                        if label in shared
                        else (Class.OUTPUT if label in outputs else Class.SUMMED)
                        for label in system.forms[form].labels
                    ),
                )
                used.append(factors.setdefault(factor, len(factors)))
            products.append(
                ProductTerm(
                    position,
                    term.coefficient,
                    tuple(used),
                    shared,
                    tuple(label for label in shared if label in outputs),
                    free,
                )
            )
    return Terms(
        tuple(linear),
        tuple(products),
        tuple(factors),
        tuple(sorted({label for term in products for label in term.shared})),
        max([2, *(term.degree for term in products)]),
    )

"""Polynomials in evaluations, constants and challenges, step by step."""

from __future__ import annotations

from zkdps.verifier_contracts.reference.proof import Proof
from zkdps.verifier_contracts.reference.scalars import ORDER
from zkdps.verifier_contracts.reference.vka import Expression, Op, Operand, Source, Vka


def evaluate(vka: Vka, proof: Proof, expression: Expression) -> list[int]:
    """The outputs of the expression at x."""
    results: list[int] = []
    tables = {
        Source.CONSTANT: vka.constants,
        Source.CHALLENGE: proof.challenges.user,
        Source.STEP: results,
    }

    def value(operand: Operand) -> int:
        source, index = operand
        return tables[source][index]

    for step in expression.steps:
        if step.op is Op.EVALUATION:
            results.append(proof.evaluations[step.evaluation])
        elif step.op is Op.NEGATE:
            results.append(-value(step.operands[0]) % ORDER)
        elif step.op is Op.ADD:
            results.append((value(step.operands[0]) + value(step.operands[1])) % ORDER)
        else:
            results.append(value(step.operands[0]) * value(step.operands[1]) % ORDER)
    return [value(operand) for operand in expression.outputs]

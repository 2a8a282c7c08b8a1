"""Measurements: one question a file, each with the answer that was expected written down before.

`python -m benches` runs them all, `python -m benches NAME` one; each leaves `NAME.json` with what
was measured, on which machine, with which versions, and how busy the machine was meanwhile.
"""

from benches import (
    cifar_recipe,
    cost_model,
    digits_accuracy,
    gpt2,
    overhead,
    sumcheck_accuracy,
    sumcheck_against_ezkl,
    sumcheck_kernels,
    sumcheck_minilm,
)

BENCHES = {
    bench.name: bench
    for bench in (
        cifar_recipe.BENCH,
        overhead.BENCH,
        cost_model.BENCH,
        digits_accuracy.BENCH,
        sumcheck_minilm.BENCH,
        sumcheck_accuracy.BENCH,
        gpt2.BENCH,
        sumcheck_against_ezkl.BENCH,
        sumcheck_kernels.BENCH,
    )
}

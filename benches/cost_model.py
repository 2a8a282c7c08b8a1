"""How far off are the costs that zkdps predicts before it builds a circuit?

The layout's arithmetic was fitted on 22 small circuits of k 12 and 13; seconds follow two probe
circuits of the machine.  Here are other circuits, k 12 to 16: `estimate` with the parameters of the
final circuit against what `setup` and `prove` then take, in processes of their own.  The probes run
at the start of this bench, so both sides see the same machine.

Expected, before measuring: proving keys within 0.5 % without einsum columns and within 5 % with
them, memory within 8 %, CPU seconds within 20 % on a machine that does nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benches.bare import usage_facts
from benches.circuits_measured import CASES, SMOKE, Case, block_of
from benches.outcome import Bench, Line, Outcome, Place, median, talk
from zkdps.calibration.data import Samples
from zkdps.calibration.ranges import DEFAULT_MARGIN, choose_parameters, measure_ranges
from zkdps.core.fixed_point import quantise
from zkdps.core.plan import Cost
from zkdps.core.prover import Circuit, Parameters, Prover
from zkdps.core.statement import Link, Usage
from zkdps.provers import load_prover
from zkdps.provers.engine import Limits

SCALE_BITS = 8
SAMPLES = 4
SEED = 11


@dataclass(frozen=True, slots=True)
class Measured:
    """One circuit: predicted and found."""

    case: Case
    predicted: Cost
    pk_bytes: int
    setup: Usage
    prove: Usage
    einsum_cells: int

    def errors(self) -> dict[str, float]:
        """Quantity to its relative error, signed: positive where the prediction is too high."""
        pairs = {
            "pk": (self.predicted.pk_bytes, self.pk_bytes),
            "setup_rss": (self.predicted.setup_rss_bytes, self.setup.peak_rss_bytes),
            "prove_rss": (self.predicted.prove_rss_bytes, self.prove.peak_rss_bytes),
            "setup_cpu": (self.predicted.setup_s, self.setup.cpu_s),
            "prove_cpu": (self.predicted.prove_s, self.prove.cpu_s),
        }
        return {name: (guess - found) / found for name, (guess, found) in pairs.items()}


def run(place: Place) -> Outcome:
    """Every case, after the machine was fitted; a smoke run predicts by the shipped constants."""
    limits = Limits(timeout_s=place.machine.timeout_s)
    prover = load_prover("ezkl", limits, _fresh_cache(place))
    try:
        if not place.smoke:
            prover.fit()
        cases = SMOKE if place.smoke else CASES
        found = [_measure(case, prover, place.scratch / case.name) for case in cases]
    finally:
        prover.close()
    return Outcome(lines_of(found), {"circuits": {m.case.name: _facts(m) for m in found}})


BENCH = Bench(
    "cost_model",
    "How far off are the costs that zkdps predicts before it builds a circuit?",
    run,
)


def lines_of(found: list[Measured]) -> tuple[Line, ...]:
    """Median errors against what the project demands."""
    plain = [m.errors() for m in found if not m.einsum_cells]
    einsum = [m.errors() for m in found if m.einsum_cells]
    every = [*plain, *einsum]
    groups = (
        ("proving key, without einsum columns", plain, ("pk",), 0.02),
        ("proving key, with einsum columns", einsum, ("pk",), 0.15),
        ("peak memory, setup and prove", every, ("setup_rss", "prove_rss"), 0.15),
        ("CPU seconds, setup and prove", every, ("setup_cpu", "prove_cpu"), 0.25),
    )
    return tuple(
        Line(
            f"median relative error: {title}",
            median([abs(errors[name]) for errors in group for name in names]),
            limit,
        )
        for title, group, names, limit in groups
        if group
    )


def _fresh_cache(place: Place) -> Path:
    """The shared SRS files without the shared constants: the probes run again."""
    shared = place.machine.cache / "srs" / "development"
    shared.mkdir(parents=True, exist_ok=True)
    cache = place.scratch / "cache"
    cache.mkdir()
    (cache / "development").symlink_to(shared.resolve())
    return cache


def _measure(case: Case, prover: Prover, folder: Path) -> Measured:
    folder.mkdir()
    sliced = block_of(case, SCALE_BITS)
    random = np.random.default_rng(SEED)
    samples = Samples(
        {
            spec.name: random.uniform(-1, 1, (SAMPLES, *spec.shape)).astype(np.float32)
            for spec in sliced.graphs[0].inputs
        }
    )
    measured = measure_ranges(
        prover,
        sliced.plan,
        sliced.graphs,
        samples,
        scale_bits=SCALE_BITS,
        link=Link.POLYCOMMIT,
        directory=folder,
    )
    (chosen,) = choose_parameters(
        prover, sliced.graphs, measured, sliced.plan, margin=DEFAULT_MARGIN
    )
    (graph,) = sliced.graphs
    parameters = adjusted(chosen, case)
    predicted = prover.estimate(graph, parameters)
    (folder / "circuit").mkdir()
    circuit = prover.compile(graph, parameters, folder / "circuit")
    found = _prove(case, prover, circuit, samples, predicted)
    talk(f"{case.name}: k={predicted.logrows}, {_rounded(found.errors())}")
    return found


def adjusted(parameters: Parameters, case: Case) -> Parameters:
    """zkdps's choice, but where the case wants a larger size or its einsum columns."""
    chosen = parameters["logrows"]
    assert isinstance(chosen, int)
    size = max(chosen, case.logrows)
    if size == chosen and not case.keep_einsums:
        return parameters
    wanted: Parameters = {**parameters, "logrows": size, "decomp_base": 1 << (size - 1)}
    if case.keep_einsums:
        wanted = {**wanted, "disable_freivalds": False}
    # The pinned number of cells belongs to the choice that was changed; 0 leaves it unpinned.
    return {**wanted, "assignments": 0}


def _prove(
    case: Case, prover: Prover, circuit: Circuit, samples: Samples, predicted: Cost
) -> Measured:
    setup = prover.setup(circuit)
    first = samples.sample(0)
    fed = [quantise(first[spec.name], spec) for spec in circuit.graph.inputs]
    (trace,) = prover.execute(circuit, [fed])
    _, proof = prover.prove(circuit, trace)
    assert proof.usage is not None, "a proof made here says what it took"
    settings = json.loads((circuit.directory / "settings.json").read_bytes())
    key = circuit.directory / "pk.key"
    cells = settings["einsum_params"]["total_einsum_col_size"]
    found = Measured(case, predicted, key.stat().st_size, setup, proof.usage, cells)
    key.unlink()
    return found


def _facts(found: Measured) -> dict[str, object]:
    predicted = found.predicted
    return {
        "logrows": predicted.logrows,
        "rows": predicted.rows,
        "einsum_cells": found.einsum_cells,
        "pk_bytes": found.pk_bytes,
        "setup": usage_facts(found.setup),
        "prove": usage_facts(found.prove),
        "predicted": {
            "pk_bytes": predicted.pk_bytes,
            "setup_rss_bytes": predicted.setup_rss_bytes,
            "prove_rss_bytes": predicted.prove_rss_bytes,
            "setup_cpu_s": round(predicted.setup_s, 3),
            "prove_cpu_s": round(predicted.prove_s, 3),
        },
        "relative_errors": _rounded(found.errors()),
    }


def _rounded(errors: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in errors.items()}

"""`key audit` names what a key says and its model does not; refusals that need no set-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.vectors import models
from tests.vectors.edits import archive
from tests.vectors.honest import KEYS
from tests.vectors.stored import Stored
from zkdps.core.errors import CheckFailed, UnreadableFile
from zkdps.core.model_key import ErrorBound, ModelKey
from zkdps.workflows.audit import audit_key
from zkdps.workflows.reports import Machine


def _more_outputs(key: ModelKey) -> ModelKey:
    """A tensor between blocks passes as an output of the model."""
    bounds = (*key.accuracy.bounds, ErrorBound("g", 0))
    return replace(
        key,
        plan=replace(key.plan, outputs=(*key.plan.outputs, "g")),
        accuracy=replace(key.accuracy, bounds=bounds),
    )


def _inputs_in_another_order(key: ModelKey) -> ModelKey:
    return replace(key, plan=replace(key.plan, inputs=key.plan.inputs[::-1]))


def _other_block_name(key: ModelKey) -> ModelKey:
    first, *others = key.plan.blocks
    blocks = (replace(first, name="certified"), *others)
    return replace(key, plan=replace(key.plan, blocks=blocks))


def _coarse_rewrites(key: ModelKey) -> ModelKey:
    return replace(key, model=replace(key.model, rewrite_scale_bits=0))


def _parameters(**changes: object) -> Callable[[ModelKey], ModelKey]:
    def edit(key: ModelKey) -> ModelKey:
        first, *others = key.blocks
        changed = {**first.parameters, **changes}
        return replace(key, blocks=(replace(first, parameters=changed), *others))  # type: ignore[arg-type]

    return edit


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (_more_outputs, "outputs of the key's plan"),
        (_inputs_in_another_order, "inputs of the key's plan"),
        (_other_block_name, "blocks of the key's plan"),
        (_coarse_rewrites, "not exact at its scale"),
        (_parameters(columns="2"), "none that ezkl takes"),
        (_parameters(logrows=1 << 40), "none that ezkl takes"),
        (_parameters(decomp_legs=40), "none that ezkl takes"),
        (_parameters(link="nothing"), "none that ezkl takes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_key_that_says_more_than_its_model_is_refused(
    edit: Callable[[ModelKey], ModelKey], says: str, tmp_path: Path, machine: Machine
) -> None:
    model, key = tmp_path / "chain.onnx", tmp_path / "model.zkvk"
    model.write_bytes(models.chain(KEYS["polycommit"][0]).SerializeToString(deterministic=True))
    key.write_bytes(archive(edit(Stored().key("polycommit"))))
    with pytest.raises(CheckFailed, match=says) as caught:
        audit_key(model, key, machine=machine)
    assert caught.value.check == 2


def test_a_key_that_is_not_there_is_no_failed_check(tmp_path: Path, machine: Machine) -> None:
    with pytest.raises(UnreadableFile):
        audit_key(tmp_path / "model.onnx", tmp_path / "model.zkvk", machine=machine)

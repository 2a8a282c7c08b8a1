"""Claim: zoo modules repeat, leave torch's random state alone, and export as they compute."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

from tests.models import zoo

ALL = {**zoo.SMALL, "cifar_tutorial": zoo.cifar_tutorial}


@pytest.mark.parametrize("name", ALL)
def test_exports_to_what_torch_computes(name: str, tmp_path: Path) -> None:
    module, inputs = ALL[name]()
    names = [f"x{place}" for place in range(len(inputs))]
    path = tmp_path / "model.onnx"
    with pytest.warns(DeprecationWarning):
        torch.onnx.export(
            module, inputs, str(path), input_names=names, opset_version=17, dynamo=False
        )
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    fed = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
    with torch.no_grad():
        expected = module(*inputs).numpy()
    np.testing.assert_allclose(session.run(None, fed)[0], expected, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_same_seed_same_model_and_untouched_random_state(name: str) -> None:
    before = torch.get_rng_state()
    first, second = ALL[name](), ALL[name]()
    assert torch.equal(before, torch.get_rng_state()), "building must not consume random numbers"
    with torch.no_grad():
        assert torch.equal(first.module(*first.inputs), second.module(*second.inputs))


def test_batch_norm_is_far_from_the_identity() -> None:
    module, (image,) = zoo.conv_norm_pool()
    children = list(module.children())
    with torch.no_grad():
        before = children[0](image)
        change = (children[1](before) - before).abs().max().item()
    assert change > 0.1, "a folding that ignores BatchNorm must show"


def test_causal_mask_hides_later_tokens() -> None:
    module, (x,) = zoo.causal_attention(fill=-float("inf"))
    changed = x.clone()
    changed[:, -1] += 1.0
    with torch.no_grad():
        difference = (module(changed) - module(x)).abs().amax(dim=(0, 2))
    assert difference[:-1].max() == 0, "an earlier token saw a later one"
    assert difference[-1] > 0


def test_cifar_net_has_the_tutorials_size() -> None:
    assert sum(weight.numel() for weight in zoo.cifar_tutorial().module.parameters()) == 62_006

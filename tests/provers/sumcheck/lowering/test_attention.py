"""Attention as exporters and Hugging Face write it is one operator, masks and heads included."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.provers.sumcheck.lowering.compare import EXPORTERS, agree, check, counts, exported
from zkdps.circuits.export import Exporter
from zkdps.provers.sumcheck.operators.attention import Attention
from zkdps.provers.sumcheck.program import Kind, Program

if TYPE_CHECKING:
    import torch
    from torch import nn
else:
    torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")
    nn = torch.nn

F: Any = nn.functional
LOWEST = torch.finfo(torch.float32).min
TOKENS, WIDTH, HEADS = 6, 8, 2


def added(scores: Any, mask: Any) -> Any:
    return scores + (1.0 - mask[:, None, None, :].float()) * LOWEST


def added_by_fill(scores: Any, mask: Any) -> Any:
    expanded = 1.0 - mask[:, None, None, :].expand(1, 1, TOKENS, TOKENS).float()
    return scores + expanded.masked_fill(expanded.to(torch.bool), LOWEST)


def chosen(scores: Any, mask: Any) -> Any:
    return scores.masked_fill(mask[:, None, None, :] == 0, float("-inf"))


def chosen_by_truth(scores: Any, mask: Any) -> Any:
    return torch.where(mask[:, None, None, :].bool(), scores, torch.tensor(-1e4))


def causal(scores: Any, mask: Any) -> Any:
    return scores + torch.full((TOKENS, TOKENS), float("-inf")).triu(1)


def causal_and_padding(scores: Any, mask: Any) -> Any:
    open_places = torch.ones(TOKENS, TOKENS, dtype=torch.bool).tril()
    kept = open_places[None, None] & mask[:, None, None, :].bool()
    return torch.where(kept, scores, torch.tensor(LOWEST))


def causal_then_padding(scores: Any, mask: Any) -> Any:
    return added(causal(scores, mask), mask)


MASKS: dict[str, tuple[Callable[..., Any], bool, bool]] = {
    "none": (lambda scores, mask: scores, False, False),
    "added": (added, False, True),
    "added_by_fill": (added_by_fill, False, True),
    "chosen": (chosen, False, True),
    "chosen_by_truth": (chosen_by_truth, False, True),
    "causal": (causal, True, False),
    "causal_and_padding": (causal_and_padding, True, True),
    "causal_then_padding": (causal_then_padding, True, True),
}


OTHERS = {
    "plain": (False, False),
    "causal": (True, False),
    "masked": (False, True),
    "einsum": (False, False),
}
"""Torch's own attention function, and attention in Einstein's notation."""


def heads(x: Any) -> Any:
    return x.view(1, TOKENS, HEADS, WIDTH // HEADS).transpose(1, 2)


class Masked(nn.Module):
    """Attention layers, one output each; how the mask enters is what differs."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleList(
            nn.Linear(WIDTH, 3 * WIDTH) for _ in range(len(MASKS) + len(OTHERS))
        )

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> tuple[Any, ...]:
        made = []
        ours: list[Any] = [masked for masked, _, _ in MASKS.values()]
        for layer, masked in zip(self.inner, [*ours, *OTHERS], strict=True):
            query, key, value = (heads(part) for part in layer(x).chunk(3, dim=-1))
            if masked == "einsum":
                weights = torch.einsum("bhid,bhjd->bhij", query, key) * 0.5
                made.append(torch.einsum("bhij,bhjd->bhid", weights.softmax(-1), value))
            elif isinstance(masked, str):
                made.append(_torch_attention(query, key, value, masked, mask))
            else:
                scores = masked(query @ key.transpose(-1, -2) / 2.0, mask)
                made.append(torch.softmax(scores, dim=-1) @ value)
        return tuple(context.transpose(1, 2).reshape(x.shape) for context in made)


def _torch_attention(query: Any, key: Any, value: Any, kind: str, mask: Any) -> Any:
    kept: Any = None
    if kind == "masked":
        kept = mask[:, None, None, :].bool().expand(1, 1, TOKENS, TOKENS)
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask=kept, is_causal=kind == "causal"
    )


def attentions(program: Program) -> list[Attention]:
    return [made for made in program.operations if isinstance(made, Attention)]


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_masks(exporter: Exporter) -> None:
    torch.manual_seed(0)
    given = [torch.randn(1, TOKENS, WIDTH), torch.tensor([[1, 1, 1, 1, 0, 0]])]
    expected = [(is_causal, has_mask) for _, is_causal, has_mask in MASKS.values()]
    expected += OTHERS.values()
    model, inputs = exported(Masked(), given, exporter, len(expected))
    program = agree(model, inputs)
    found = [(made.is_causal, made.mask is not None) for made in attentions(program)]
    assert found == expected
    assert counts(program) == {"Linear": len(expected), "Attention": len(expected)}
    kinds = {spec.name: spec.kind for spec in program.inputs}
    assert kinds == {"x0": Kind.REAL, "x1": Kind.BOOLEAN}
    check(program, model, {**inputs, "x1": np.array([[1, 1, 0, 1, 1, 1]])})


def test_torch_encoder_layer() -> None:
    torch.manual_seed(0)
    exporter: Exporter = "dynamo"  # torch's other exporter cannot do it
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 16, activation="gelu", batch_first=True)
    model, inputs = exported(layer.eval(), [torch.randn(1, TOKENS, WIDTH)], exporter)
    program = agree(model, inputs)
    assert counts(program)["Attention"] == 1 and counts(program)["Norm"] == 2


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_whole_transformers(exporter: Exporter) -> None:
    from tests.models import transformers as of

    ids, mask = torch.randint(0, 60, (1, 8)), torch.tensor([[1, 1, 1, 1, 1, 1, 0, 0]])
    bert = agree(*exported(of.seeded(of.BertEncoder, of.TINY), [ids, mask], exporter))
    assert counts(bert) == {
        **{"Gather": 1, "Addition": 1, "Norm": 5, "Linear": 12, "Attention": 2, "Table": 2},
        "WeightedMean": 1,
    }
    gpt2 = agree(*exported(of.seeded(of.Gpt2, of.TINY), [ids], exporter))
    assert [made.is_causal for made in attentions(gpt2)] == [True, True]
    llama = agree(*exported(of.seeded(of.Llama, of.TINY_GROUPED), [ids, mask], exporter))
    assert [made.key.shape[0] for made in attentions(llama)] == [2, 2]
    assert all(made.is_causal and made.mask is not None for made in attentions(llama))
    assert counts(llama)["Norm"] == 5 and counts(llama)["Product"] == 2

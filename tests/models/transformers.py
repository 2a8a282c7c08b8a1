"""The three transformers of practice, small or full size: BERT encoder, GPT-2, Llama blocks.

Written as Hugging Face writes them: the same parameter names, so that published weights load, and
the same arithmetic around masks, positions and heads, so that exports look like the exports that
people have.  Shapes are fixed by the example; nothing is random but the weights of a fresh module.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

FLOAT32_LOWEST = torch.finfo(torch.float32).min


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a transformer."""

    vocabulary: int
    positions: int
    width: int
    layers: int
    heads: int
    hidden: int
    key_heads: int = 0
    """Heads of keys and values; 0 for as many as there are query heads."""


MINILM = Shape(30522, 512, 384, 6, 12, 1536)
GPT2 = Shape(50257, 1024, 768, 12, 12, 3072)
TINY = Shape(61, 24, 16, 2, 4, 24)
TINY_GROUPED = Shape(61, 24, 16, 2, 4, 24, key_heads=2)


def _heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(batch, token, width) to (batch, head, token, width / heads)."""
    batch, tokens, width = x.shape
    return x.view(batch, tokens, heads, width // heads).permute(0, 2, 1, 3)


def _joined(x: torch.Tensor) -> torch.Tensor:
    """Inverse of `_heads`."""
    batch, heads, tokens, width = x.shape
    return x.permute(0, 2, 1, 3).contiguous().view(batch, tokens, heads * width)


class BertSelfAttention(nn.Module):
    """Scores plus the extended mask, softmax, context."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query = nn.Linear(shape.width, shape.width)
        self.key = nn.Linear(shape.width, shape.width)
        self.value = nn.Linear(shape.width, shape.width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            _heads(part(x), self.heads) for part in (self.query, self.key, self.value)
        )
        scores = torch.matmul(query, key.transpose(-1, -2)) / query.shape[-1] ** 0.5
        weights = functional.softmax(scores + mask, dim=-1)
        return _joined(torch.matmul(weights, value))


class BertOutput(nn.Module):
    """A linear layer, the residual, LayerNorm."""

    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        normal: torch.Tensor = self.LayerNorm(self.dense(x) + residual)
        return normal


class BertLayer(nn.Module):
    """Post-norm attention and GELU layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {
                "self": BertSelfAttention(shape),
                "output": BertOutput(shape.width, shape.width),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(shape.width, shape.hidden)})
        self.output = BertOutput(shape.hidden, shape.width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.attention["output"](self.attention["self"](x, mask), x)
        result: torch.Tensor = self.output(functional.gelu(self.intermediate["dense"](x)), x)
        return result


class BertEmbeddings(nn.Module):
    """Words, positions and the first token type, summed and normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(shape.vocabulary, shape.width)
        self.position_embeddings = nn.Embedding(shape.positions, shape.width)
        self.token_type_embeddings = nn.Embedding(2, shape.width)
        self.LayerNorm = nn.LayerNorm(shape.width, eps=1e-12)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(ids.shape[1])[None]
        x = self.word_embeddings(ids) + self.token_type_embeddings(torch.zeros_like(ids))
        normal: torch.Tensor = self.LayerNorm(x + self.position_embeddings(places))
        return normal


class BertEncoder(nn.Module):
    """`input_ids`, `attention_mask` (batch, token) int64 to sentence vectors (batch, width).

    The vector is the mean over the tokens whose mask is 1; with `unit_length` it is divided by its
    length, as sentence-transformers does last.
    """

    def __init__(self, shape: Shape, *, unit_length: bool = False) -> None:
        super().__init__()
        self.unit_length = unit_length
        self.embeddings = BertEmbeddings(shape)
        layers = nn.ModuleList(BertLayer(shape) for _ in range(shape.layers))
        self.encoder = nn.ModuleDict({"layer": layers})

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        extended = (1.0 - attention_mask[:, None, None, :].float()) * FLOAT32_LOWEST
        x = self.embeddings(input_ids)
        layers = self.encoder["layer"]
        assert isinstance(layers, nn.ModuleList)
        for layer in layers:
            x = layer(x, extended)
        kept = attention_mask.unsqueeze(-1).expand(x.size()).float()
        mean = (x * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
        return functional.normalize(mean, p=2.0, dim=1) if self.unit_length else mean


class Gpt2Attention(nn.Module):
    """One linear layer for queries, keys and values; a constant causal mask chooses."""

    bias: torch.Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.c_attn = nn.Linear(shape.width, 3 * shape.width)
        self.c_proj = nn.Linear(shape.width, shape.width)
        open_places = torch.ones(shape.positions, shape.positions, dtype=torch.bool).tril()
        self.register_buffer("bias", open_places[None, None], persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens, width = x.shape[1:]
        query, key, value = (_heads(part, self.heads) for part in self.c_attn(x).split(width, 2))
        scores = torch.matmul(query, key.transpose(-1, -2)) / query.shape[-1] ** 0.5
        lowest = torch.full([], FLOAT32_LOWEST)
        scores = torch.where(self.bias[:, :, :tokens, :tokens], scores, lowest)
        weights = functional.softmax(scores, dim=-1)
        result: torch.Tensor = self.c_proj(_joined(torch.matmul(weights, value)))
        return result


class Gpt2Layer(nn.Module):
    """Pre-norm attention and tanh-GELU layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(shape.width)
        self.attn = Gpt2Attention(shape)
        self.ln_2 = nn.LayerNorm(shape.width)
        self.mlp = nn.ModuleDict(
            {
                "c_fc": nn.Linear(shape.width, shape.hidden),
                "c_proj": nn.Linear(shape.hidden, shape.width),
            }
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.ln_1(x))
        inner = self.mlp["c_fc"](self.ln_2(x))
        # Hugging Face's `gelu_new`, written out as there.
        cubic = inner + 0.044715 * torch.pow(inner, 3.0)
        gelu = 0.5 * inner * (1.0 + torch.tanh((2.0 / torch.pi) ** 0.5 * cubic))
        result: torch.Tensor = x + self.mlp["c_proj"](gelu)
        return result


class Gpt2(nn.Module):
    """`input_ids` (batch, token) int64 to logits (batch, token, vocabulary); the head is tied.

    With `last_only` the head reads the last token alone: logits (batch, 1, vocabulary).
    """

    def __init__(self, shape: Shape, *, last_only: bool = False) -> None:
        super().__init__()
        self.last_only = last_only
        self.wte = nn.Embedding(shape.vocabulary, shape.width)
        self.wpe = nn.Embedding(shape.positions, shape.width)
        self.h = nn.ModuleList(Gpt2Layer(shape) for _ in range(shape.layers))
        self.ln_f = nn.LayerNorm(shape.width)
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.normal_(weight, std=0.02 if shape.width > 64 else 0.3)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(input_ids.shape[1])[None]
        x = self.wte(input_ids) + self.wpe(places)
        for layer in self.h:
            x = layer(x)
        x = self.ln_f(x[:, -1:] if self.last_only else x)
        return functional.linear(x, self.wte.weight)


class RmsNorm(nn.Module):
    """x / sqrt(mean(x^2) + epsilon), times a gain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(width) + 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        variance = x.to(torch.float32).pow(2).mean(-1, keepdim=True)
        return self.weight * (x * torch.rsqrt(variance + 1e-6))


def _rotated(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    first, second = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return x * cosine + torch.cat((-second, first), dim=-1) * sine


class LlamaAttention(nn.Module):
    """Rotary positions, grouped queries, a causal mask that is added."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.key_heads = shape.heads, shape.key_heads or shape.heads
        self.head_width = shape.width // shape.heads
        key_width = self.key_heads * self.head_width
        self.q_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.k_proj = nn.Linear(shape.width, key_width, bias=False)
        self.v_proj = nn.Linear(shape.width, key_width, bias=False)
        self.o_proj = nn.Linear(shape.width, shape.width, bias=False)

    def _repeated(self, x: torch.Tensor) -> torch.Tensor:
        batch, heads, tokens, width = x.shape
        copies = self.heads // self.key_heads
        if copies == 1:
            return x
        x = x[:, :, None].expand(batch, heads, copies, tokens, width)
        return x.reshape(batch, heads * copies, tokens, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        tokens = x.shape[1]
        powers = torch.arange(0, self.head_width, 2).float() / self.head_width
        angles = torch.arange(tokens).float()[:, None] * 10000.0**-powers
        angles = torch.cat((angles, angles), dim=-1)[None, None]
        query = _rotated(_heads(self.q_proj(x), self.heads), angles.cos(), angles.sin())
        key = _rotated(_heads(self.k_proj(x), self.key_heads), angles.cos(), angles.sin())
        value = _heads(self.v_proj(x), self.key_heads)
        scores = torch.matmul(query, self._repeated(key).transpose(2, 3)) * self.head_width**-0.5
        weights = functional.softmax(scores + mask, dim=-1, dtype=torch.float32)
        context = torch.matmul(weights, self._repeated(value))
        result: torch.Tensor = self.o_proj(_joined(context))
        return result


class LlamaLayer(nn.Module):
    """Pre-RMSNorm attention and SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = RmsNorm(shape.width)
        self.self_attn = LlamaAttention(shape)
        self.post_attention_layernorm = RmsNorm(shape.width)
        self.gate_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down_proj = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.input_layernorm(x), mask)
        inner = self.post_attention_layernorm(x)
        gated = functional.silu(self.gate_proj(inner)) * self.up_proj(inner)
        result: torch.Tensor = x + self.down_proj(gated)
        return result


class Llama(nn.Module):
    """`input_ids`, `attention_mask` (batch, token) int64 to logits (batch, token, vocabulary)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(LlamaLayer(shape) for _ in range(shape.layers))
        self.norm = RmsNorm(shape.width)
        self.lm_head = nn.Linear(shape.width, shape.vocabulary, bias=False)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        tokens = input_ids.shape[1]
        x = self.embed_tokens(input_ids)
        closed = torch.full((tokens, tokens), FLOAT32_LOWEST).triu(1)[None, None]
        padding = attention_mask[:, None, None, :] == 0
        mask = closed.masked_fill(padding, FLOAT32_LOWEST)
        for layer in self.layers:
            x = layer(x, mask)
        logits: torch.Tensor = self.lm_head(self.norm(x))
        return logits


def seeded(module_of: type[nn.Module], shape: Shape, seed: int = 0, **options: bool) -> nn.Module:
    """A fresh module in evaluation mode; torch's random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return module_of(shape, **options).eval()

"""Cuts that somebody asked for by name: tensors and torch modules.

A cut at a tensor ends a block: the block holds all that the tensor needs and no earlier cut took.
A cut at a module makes the nodes of that module one block, and what leads to it another.  Blocks
are thus differences of growing sets, each closed under "needs": no block can ever need a later one.
Operators that only move data get no block of their own beside a module: they join it.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from zkdps.circuits.block_names import DATA_MOVERS
from zkdps.circuits.dataflow import Dataflow, read_dataflow
from zkdps.circuits.scopes import is_within
from zkdps.core.errors import BadCut
from zkdps.core.plan import TensorSpec

Group = tuple[int, ...]

MAX_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class _Cut:
    name: str
    targets: frozenset[int]
    """The tensor's maker, or the nodes of the module."""
    needed: frozenset[int]
    """The targets and all they depend on."""
    is_module: bool


def cuttable_tensors(model: onnx.ModelProto) -> tuple[TensorSpec, ...]:
    """Where `--cut` may cut: tensors that nodes make for other nodes, in order of making."""
    flow = read_dataflow(model)
    return tuple(
        flow.specs[name]
        for name in flow.makers
        if flow.readers[name] and name not in flow.uncuttable
    )


def cuttable_modules(model: onnx.ModelProto) -> tuple[str, ...]:
    """Torch modules that `--cut` may name, outer before inner, in order of first use."""
    return _modules(read_dataflow(model))


def cut_at_tensors(model: onnx.ModelProto, names: Sequence[str]) -> tuple[Group, ...]:
    """Groups of nodes, in order, cut at each named tensor or torch module.

    Raises:
        BadCut: a name is no tensor and no module (near names are suggested), is a weight, a model
            input or all of the model, or names modules that are interleaved.
    """
    flow = read_dataflow(model)
    cuts = [_cut(flow, name) for name in dict.fromkeys(names)]
    # A cut that another one depends on needs fewer nodes, so size orders them topologically.
    cuts.sort(key=lambda cut: (len(cut.needed), min(cut.targets)))
    blocks: list[frozenset[int]] = []
    done: frozenset[int] = frozenset()
    for cut in cuts:
        pieces = _module_pieces(flow, cut, done, cuts) if cut.is_module else [cut.needed - done]
        blocks.extend(piece for piece in pieces if piece)
        done |= cut.needed
    return _with_rest(flow, blocks, frozenset(flow.live) - done, cuts)


def _with_rest(
    flow: Dataflow, blocks: list[frozenset[int]], rest: frozenset[int], cuts: list[_Cut]
) -> tuple[Group, ...]:
    if rest and cuts and cuts[-1].is_module and _only_moves(flow, rest):
        blocks[-1] |= rest
    elif rest:
        blocks.append(rest)
    if len(blocks) < 2 and cuts and not cuts[-1].is_module:
        raise BadCut(cuts[-1].name, "nothing would be left after it")
    return tuple(tuple(sorted(block)) for block in _settled(flow, blocks) if block)


def _settled(flow: Dataflow, blocks: list[frozenset[int]]) -> list[frozenset[int]]:
    """Blocks from which no uncuttable tensor leaves if that can be: its maker moves to the reader.

    Such a maker is a relabelling of its operand that costs nothing; the operand crosses instead.
    """
    home = {index: place for place, block in enumerate(blocks) for index in block}
    for name in reversed([name for name in flow.makers if name in flow.uncuttable]):
        # Readers before makers, so that a chain of relabellings moves as a whole.
        home[flow.makers[name]] = min(home[reader] for reader in flow.feeds[flow.makers[name]])
    return [
        frozenset(index for index in home if home[index] == place) for place in range(len(blocks))
    ]


def _cut(flow: Dataflow, name: str) -> _Cut:
    if name in flow.uncuttable:
        raise BadCut(name, "it is held at another scale than the chain's; cut before or behind it")
    if name in flow.makers:
        targets = frozenset({flow.makers[name]})
        return _Cut(name, targets, flow.ancestors(targets), is_module=False)
    inside = frozenset(i for i, path in flow.modules.items() if path and is_within(path, name))
    if inside:
        return _Cut(name, inside, flow.ancestors(inside), is_module=True)
    if name in flow.inputs:
        raise BadCut(name, "it is a model input: nothing would be left before it")
    if any(name == tensor.name for tensor in flow.model.graph.initializer):
        raise BadCut(name, "it is a weight, not computed from the model's inputs")
    raise BadCut(name, _suggestion(flow, name))


def _module_pieces(
    flow: Dataflow, cut: _Cut, done: frozenset[int], cuts: list[_Cut]
) -> list[frozenset[int]]:
    """What leads to the module, and the module; the former joins the latter if it only moves."""
    inner = [c for c in cuts if c is not cut and c.targets <= cut.targets]
    nested: frozenset[int] = frozenset().union(*(c.needed for c in inner))
    taken = (cut.targets & done) - nested
    if taken:
        raise BadCut(cut.name, f"operator {_label(flow, min(taken))!r} of it feeds an earlier cut")
    own = cut.targets - done
    before = cut.needed - own - done
    for index in sorted(before):
        if flow.ancestors({index}) & own:
            raise BadCut(
                cut.name, f"operator {_label(flow, index)!r} lies between two parts of the module"
            )
    if _only_moves(flow, before):
        return [before | own]
    return [before, own]


def _only_moves(flow: Dataflow, nodes: frozenset[int]) -> bool:
    return all(flow.node(index).op_type in DATA_MOVERS for index in nodes)


def _suggestion(flow: Dataflow, name: str) -> str:
    known = [*flow.makers, *_modules(flow)]
    near = difflib.get_close_matches(name, known, n=MAX_SUGGESTIONS, cutoff=0.5)
    if not near:
        return "the model has no such tensor or module"
    return f"the model has no such tensor or module; near: {', '.join(map(repr, near))}"


def _modules(flow: Dataflow) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for path in flow.modules.values():
        parts = path.split(".") if path else []
        found.update((".".join(parts[: n + 1]), None) for n in range(len(parts)))
    return tuple(found)


def _label(flow: Dataflow, index: int) -> str:
    node = flow.node(index)
    return str(node.name or node.output[0])

"""A normal model read as a graph: who makes which tensor, who reads it, how large it is.

Only *live* nodes count: those that depend on a model input and that a model output depends on.
Nodes fed by weights alone are weights themselves; whoever needs their result gets a copy.  Nodes
are named by their position in the ONNX graph, which is a topological order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import onnx

from zkdps.circuits.rewrites import raised_tensors
from zkdps.circuits.scopes import module_path
from zkdps.core.errors import MalformedModel, UndeterminedShape
from zkdps.core.plan import TensorSpec


@dataclass(frozen=True)
class Dataflow:
    """The graph of a normal model."""

    model: onnx.ModelProto
    inputs: tuple[str, ...]
    """Graph inputs that are not weights, in the model's order."""
    outputs: tuple[str, ...]
    """Graph outputs, in the model's order."""
    specs: Mapping[str, TensorSpec]
    """Every tensor that live nodes make or read, model inputs included, weights left out."""
    makers: Mapping[str, int]
    """Tensor to the live node that makes it; model inputs are absent."""
    readers: Mapping[str, tuple[int, ...]]
    """Tensor to the live nodes that read it, ascending; empty where it only leaves the model."""
    live: tuple[int, ...]
    """Live nodes, ascending: a topological order."""
    uncuttable: frozenset[str] = frozenset()
    """Tensors that must not cross a boundary: they are held at another scale than the chain's."""

    def node(self, index: int) -> onnx.NodeProto:
        """The ONNX node at a position."""
        return self.model.graph.node[index]

    @cached_property
    def reads(self) -> Mapping[int, tuple[str, ...]]:
        """Live node to the tensors that it reads, weights left out, each once."""
        return {
            index: tuple(
                dict.fromkeys(name for name in self.node(index).input if name in self.specs)
            )
            for index in self.live
        }

    @cached_property
    def makes(self) -> Mapping[int, tuple[str, ...]]:
        """Live node to the tensors that it makes and somebody uses."""
        return {
            index: tuple(name for name in self.node(index).output if name in self.makers)
            for index in self.live
        }

    @cached_property
    def needs(self) -> Mapping[int, tuple[int, ...]]:
        """Live node to the live nodes that feed it, ascending."""
        return {
            index: tuple(sorted({self.makers[name] for name in names if name in self.makers}))
            for index, names in self.reads.items()
        }

    @cached_property
    def feeds(self) -> Mapping[int, tuple[int, ...]]:
        """Live node to the live nodes that it feeds, ascending."""
        fed: dict[int, list[int]] = {index: [] for index in self.live}
        for index, sources in self.needs.items():
            for source in sources:
                fed[source].append(index)
        return {index: tuple(targets) for index, targets in fed.items()}

    @cached_property
    def modules(self) -> Mapping[int, str]:
        """Live node to the dotted path of its torch module, `""` where there is none."""
        return {index: module_path(self.node(index)) for index in self.live}

    def ancestors(self, nodes: Iterable[int]) -> frozenset[int]:
        """`nodes` and every live node that they depend on."""
        found = set(nodes)
        waiting = list(found)
        while waiting:
            fresh = [source for source in self.needs[waiting.pop()] if source not in found]
            found.update(fresh)
            waiting.extend(fresh)
        return frozenset(found)

    def between(self, inputs: Iterable[str], outputs: Iterable[str]) -> tuple[int, ...]:
        """The live nodes, ascending, that make `outputs` from `inputs`: the nodes of a block."""
        given = set(inputs)
        found: set[int] = set()
        waiting = [name for name in outputs if name in self.makers]
        while waiting:
            name = waiting.pop()
            if name in self.makers and name not in given and self.makers[name] not in found:
                found.add(self.makers[name])
                waiting.extend(self.reads[self.makers[name]])
        return tuple(sorted(found))

    def entering(self, nodes: frozenset[int]) -> tuple[str, ...]:
        """Tensors that `nodes` read and do not make: model inputs, then in order of making."""
        names = {name for index in nodes for name in self.reads[index]}
        names = {name for name in names if self.makers.get(name) not in nodes}
        return self._ordered(names)

    def leaving(self, nodes: frozenset[int]) -> tuple[str, ...]:
        """Tensors that `nodes` make for others or for the model's output, in order of making."""
        outputs = set(self.outputs)
        names = {
            name
            for index in nodes
            for name in self.makes[index]
            if name in outputs or any(reader not in nodes for reader in self.readers[name])
        }
        return self._ordered(names)

    def components(self, nodes: frozenset[int]) -> int:
        """How many pieces `nodes` fall into; two that read one tensor hang together."""
        heads = {index: index for index in nodes}

        def head(index: int) -> int:
            while heads[index] != index:
                heads[index] = heads[heads[index]]
                index = heads[index]
            return index

        first_user: dict[str, int] = {}
        for index in sorted(nodes):
            for name in self.reads[index] + self.makes[index]:
                heads[head(first_user.setdefault(name, index))] = head(index)
        return sum(heads[index] == index for index in nodes)

    def _ordered(self, names: set[str]) -> tuple[str, ...]:
        return tuple(sorted(names, key=self._rank.__getitem__))

    @cached_property
    def _rank(self) -> Mapping[str, int]:
        made = (name for index in self.live for name in self.makes[index])
        return {name: rank for rank, name in enumerate((*self.inputs, *made))}


def read_dataflow(model: onnx.ModelProto) -> Dataflow:
    """The dataflow of a normal model.

    Raises:
        MalformedModel: a node reads what nothing before it makes, a model input is read by
            nobody, or a model output is a model input or depends on none.
        UndeterminedShape: a tensor has no static shape.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = tuple(value.name for value in model.graph.input if value.name not in weights)
    outputs = tuple(value.name for value in model.graph.output)
    moving = _moving(model, weights, inputs)
    live = _needed(model, moving, outputs)
    makers = {
        name: index for index in live for name in model.graph.node[index].output if name in moving
    }
    readers: dict[str, list[int]] = {name: [] for name in (*inputs, *makers)}
    for index in live:
        for name in dict.fromkeys(model.graph.node[index].input):
            if name in readers:
                readers[name].append(index)
    _check_ends(model, inputs, outputs, makers, readers)
    used = {name: made for name, made in makers.items() if readers[name] or name in outputs}
    names = (*inputs, *used)
    return Dataflow(
        model=model,
        inputs=inputs,
        outputs=outputs,
        specs=_specs(model, names),
        makers=used,
        readers={name: tuple(readers[name]) for name in names},
        live=live,
        uncuttable=raised_tensors(model) & used.keys() - set(outputs),
    )


def _moving(model: onnx.ModelProto, weights: set[str], inputs: tuple[str, ...]) -> frozenset[str]:
    """Tensors that change with the model's inputs."""
    known = weights | set(inputs) | {""}
    moving = set(inputs)
    for node in model.graph.node:
        missing = [name for name in node.input if name not in known]
        if missing:
            raise MalformedModel(
                _name(model), f"node {node.name!r} reads {missing[0]!r}, which nothing before makes"
            )
        known.update(node.output)
        if any(name in moving for name in node.input):
            moving.update(name for name in node.output if name)
    return frozenset(moving)


def _needed(
    model: onnx.ModelProto, moving: frozenset[str], outputs: tuple[str, ...]
) -> tuple[int, ...]:
    """Nodes on a way from an input to an output."""
    wanted = set(outputs)
    found = []
    for index in reversed(range(len(model.graph.node))):
        node = model.graph.node[index]
        if any(name in wanted and name in moving for name in node.output):
            found.append(index)
            wanted.update(node.input)
    return tuple(reversed(found))


def _check_ends(
    model: onnx.ModelProto,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    makers: Mapping[str, int],
    readers: Mapping[str, list[int]],
) -> None:
    for name in outputs:
        if name not in makers:
            reason = "is a model input" if name in inputs else "depends on no model input"
            raise MalformedModel(_name(model), f"output {name!r} {reason}")
    for name in inputs:
        if not readers[name]:
            raise MalformedModel(_name(model), f"input {name!r} is read by no node")
    if not outputs:
        raise MalformedModel(_name(model), "the graph has no outputs")


def _specs(model: onnx.ModelProto, names: Iterable[str]) -> dict[str, TensorSpec]:
    graph = model.graph
    values = {value.name: value for value in (*graph.value_info, *graph.input, *graph.output)}
    return {name: _spec(name, values.get(name)) for name in names}


def _spec(name: str, value: onnx.ValueInfoProto | None) -> TensorSpec:
    if value is None or not value.type.tensor_type.HasField("shape"):
        raise UndeterminedShape(name, ("unknown",))
    kind = value.type.tensor_type
    shape = tuple(
        int(dim.dim_value) if dim.HasField("dim_value") else str(dim.dim_param or "?")
        for dim in kind.shape.dim
    )
    fixed = tuple(dim for dim in shape if isinstance(dim, int))
    if len(fixed) != len(shape) or kind.elem_type == onnx.TensorProto.UNDEFINED:
        raise UndeterminedShape(name, shape)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    return TensorSpec(name, fixed, str(dtype))


def _name(model: onnx.ModelProto) -> str:
    return f"model {model.graph.name!r}"

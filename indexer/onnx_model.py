"""A BERT sentence encoder as an ONNX file: given a model folder as sentence-transformers lays it out, writes an
int8 graph that maps the token ids of ONE text to its unit vector.

Needs onnx, onnxruntime and safetensors, never torch. Useful for MiniLM-like models (BERT layers, mean pooling);
not for decoders, CLS pooling or models with dense heads: those are refused by name and run through
sentence-transformers (sentence_model.py).

The graph has no attention mask and no batch: int8 dynamic quantisation scales activations over the whole tensor,
so a text that shared a batch, or was padded, would get a vector that depends on its neighbours (docs/adr).
Weights are int8 with one scale per output channel; the word table is int8 with one scale per word.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.errors import ModelError
from ranking.types import Floats

OPSET: Final = 20
"""The first with Gelu as one operator."""

IR_VERSION: Final = 10
"""What onnxruntime 1.18 and later reads; onnx would write its newest, which an older runtime refuses."""

FLOAT_PRODUCTS: Final = ("layer0.output", "layer1.intermediate")
"""Stay float32: their inputs hold outliers that one int8 scale a tensor cannot carry. With these two the worst
cosine to the float model over 343 texts of all kinds is .984 and not .978, for 3 % more time (docs/adr/0002)."""

INPUT, OUTPUT, TOKENS = "input_ids", "vector", "token_vectors"


@dataclass(frozen=True, slots=True)
class BertShape:
    """The sizes of an encoder, out of config.json, and how many tokens it reads."""

    layers: int
    heads: int
    width: int
    epsilon: float
    max_tokens: int

    @property
    def head_width(self) -> int:
        return self.width // self.heads


def read_shape(folder: Path) -> BertShape:
    """The shape of the model in `folder`. ModelError when it is no mean-pooled, normalised BERT encoder."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        modules = [
            entry["type"].rsplit(".", 1)[-1] for entry in json.loads((folder / "modules.json").read_text("utf-8"))
        ]
        pooling = json.loads((folder / "1_Pooling" / "config.json").read_text("utf-8"))
        limit = json.loads((folder / "sentence_bert_config.json").read_text("utf-8"))["max_seq_length"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{folder} is not a sentence-transformers model folder: {error}") from error
    wanted = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
    wrong = {key: config.get(key, value) for key, value in wanted.items() if config.get(key, value) != value}
    if modules != ["Transformer", "Pooling", "Normalize"] or not pooling.get("pooling_mode_mean_tokens"):
        wrong["modules"] = modules
    if wrong:
        raise ModelError(
            f"{folder} cannot be converted: {wrong}; only BERT encoders with mean pooling and L2 can",
            hint="give the model's path as the embedder: sentence-transformers runs it (make install-models)",
        )
    return BertShape(
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        width=config["hidden_size"],
        epsilon=config["layer_norm_eps"],
        max_tokens=min(limit, config["max_position_embeddings"]),
    )


class _Graph:
    """Collects nodes and constants; each method adds one node and returns the name of what it makes."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, array: np.ndarray[Any, Any]) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.add_many(kind, 1, *inputs, **attributes)[0]

    def add_many(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        from onnx import helper

        made = [f"n{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), made, name=f"{kind}{len(self.nodes)}", **attributes))
        return made

    def linear(self, x: str, weight: Floats, bias: Floats, name: str) -> str:
        """x W + b; `weight` is [in, out]. The product's node is called `name`."""
        product = self.add("MatMul", x, self.constant(weight))
        self.nodes[-1].name = name
        return self.add("Add", product, self.constant(bias))

    def shaped(self, x: str, *dimensions: int) -> str:
        return self.add("Reshape", x, self.constant(np.array(dimensions, np.int64)))


def _words(graph: _Graph, table: Floats) -> str:
    """Rows of the word table for the input ids, [1, tokens, width]: int8 with one scale per word."""
    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-12) / 127.0
    quantised = np.rint(table / scale).astype(np.int8)
    rows = graph.add("Cast", graph.add("Gather", graph.constant(quantised), INPUT), to=1)
    return graph.add("Mul", rows, graph.add("Gather", graph.constant(scale.astype(np.float32)), INPUT))


def _layer(graph: _Graph, x: str, shape: BertShape, tensors: dict[str, Floats], index: int) -> str:
    """One transformer layer (Vaswani et al. 2017, post-norm as in BERT) over x [1, tokens, width]."""
    at = f"encoder.layer.{index}."

    def part(name: str) -> tuple[Floats, Floats]:
        return tensors[f"{at}{name}.weight"], tensors[f"{at}{name}.bias"]

    def norm(value: str, name: str) -> str:
        weight, bias = (graph.constant(a) for a in part(name))
        return graph.add("LayerNormalization", value, weight, bias, axis=-1, epsilon=shape.epsilon)

    (query, query_bias), (key, key_bias), (value, value_bias) = (
        part(f"attention.self.{n}") for n in ("query", "key", "value")
    )
    scale = np.float32(shape.head_width**-0.5)  # folded into the query: one operator less
    # one product for query, key and value: the activations are quantised once; channels keep their own scales
    packed = graph.linear(
        x,
        np.concatenate([query * scale, key, value]).T,
        np.concatenate([query_bias * scale, key_bias, value_bias]),
        f"layer{index}.attention",
    )
    heads = graph.shaped(packed, 1, -1, 3 * shape.heads, shape.head_width)
    heads = graph.add("Transpose", heads, perm=[0, 2, 1, 3])
    sizes = graph.constant(np.array([shape.heads] * 3, np.int64))
    q, k, v = graph.add_many("Split", 3, heads, sizes, axis=1)
    attention = graph.add("Softmax", graph.add("MatMul", q, graph.add("Transpose", k, perm=[0, 1, 3, 2])), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", attention, v), perm=[0, 2, 1, 3])
    weight, bias = part("attention.output.dense")
    mixed = graph.linear(graph.shaped(mixed, 1, -1, shape.width), weight.T, bias, f"layer{index}.mixed")
    x = norm(graph.add("Add", mixed, x), "attention.output.LayerNorm")
    weight, bias = part("intermediate.dense")
    inner = graph.add("Gelu", graph.linear(x, weight.T, bias, f"layer{index}.intermediate"))
    weight, bias = part("output.dense")
    return norm(graph.add("Add", graph.linear(inner, weight.T, bias, f"layer{index}.output"), x), "output.LayerNorm")


def float_graph(folder: Path) -> Any:
    """The encoder in `folder` as an onnx ModelProto: `input_ids` int64 [1, tokens] -> `vector` float [1, width]."""
    from onnx import TensorProto, helper
    from safetensors.numpy import load_file

    shape = read_shape(folder)
    tensors = load_file(folder / "model.safetensors")
    graph = _Graph()
    table = tensors["embeddings.word_embeddings.weight"]
    # every token has type 0 in a single text, so its row is part of the position
    places = tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
    length = graph.add("Shape", INPUT, start=1, end=2)
    start = graph.constant(np.array([0], np.int64))
    positions = graph.add("Slice", graph.constant(places[: shape.max_tokens]), start, length)
    x = graph.add("Add", _words(graph, table), positions)
    weight, bias = (graph.constant(tensors[f"embeddings.LayerNorm.{part}"]) for part in ("weight", "bias"))
    x = graph.add("LayerNormalization", x, weight, bias, axis=-1, epsilon=shape.epsilon)
    for index in range(shape.layers):
        x = _layer(graph, x, shape, tensors, index)
    mean = graph.add("ReduceMean", x, graph.constant(np.array([1], np.int64)), keepdims=0)
    graph.nodes.append(helper.make_node("LpNormalization", [mean], [OUTPUT], axis=-1, p=2))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "sentence_encoder",
            [helper.make_tensor_value_info(INPUT, TensorProto.INT64, [1, "tokens"])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, shape.width])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="forage",
    )
    model.ir_version = IR_VERSION
    # there is nothing for the quantiser's shape inference to find; this keeps it from warning that it was not run
    helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    return model


def write_int8(folder: Path, target: Path) -> None:
    """Convert the model in `folder` and write it, int8 per channel, to the file `target` (whole or not at all)."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as scratch:
        plain, small = Path(scratch) / "float.onnx", Path(scratch) / "int8.onnx"
        onnx.save(float_graph(folder), plain)
        quantize_dynamic(
            plain,
            small,
            per_channel=True,
            # 7 of the 8 bits: without VNNI the CPU adds products in 16 bits, which 8-bit weights overflow, so vectors
            # would differ between machines; measured at no loss (cosine to fp32 .9937, .9924 with all 8)
            reduce_range=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=list(FLOAT_PRODUCTS),
            # attention's own products have no weights: int8 there costs accuracy and saves nothing
            extra_options={"MatMulConstBOnly": True},
        )
        with small.open("rb+") as file:
            os.fsync(file.fileno())
        small.replace(target)


def write_token_graph(converted: Path, target: Path) -> None:
    """Given a file of write_int8, write its graph without the pooling: `input_ids` int64 [1, tokens] ->
    `token_vectors` float [1, tokens, width], each token's vector of unit length.

    The weights are those of `converted`, so there is nothing to quantise again, and the file that gives text vectors
    stays as it is. ModelError when the graph does not end in mean pooling and L2.
    """
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(converted)
    maker = {made: node for node in model.graph.node for made in node.output}
    unit = maker.get(OUTPUT)
    mean = maker.get(unit.input[0]) if unit is not None else None
    if unit is None or mean is None or (mean.op_type, unit.op_type) != ("ReduceMean", "LpNormalization"):
        raise ModelError(f"{converted} does not end in mean pooling and L2, so its token vectors cannot be read")
    model.graph.node.remove(unit)
    model.graph.node.remove(mean)
    model.graph.node.append(helper.make_node("LpNormalization", [mean.input[0]], [TOKENS], axis=-1, p=2))
    width = model.graph.output.pop().type.tensor_type.shape.dim[-1].dim_value
    model.graph.output.append(helper.make_tensor_value_info(TOKENS, TensorProto.FLOAT, [1, "tokens", width]))
    onnx.save(model, target)

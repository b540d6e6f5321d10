"""What readers tell of files as packages ship them: sparse tensors, constants in nodes, no signature."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.cli.inspect import format_layer_row
from core.readers.litert import read_litert
from core.readers.onnx import read_onnx
from core.readers.sparse import unfold_litert, unfold_onnx
from tests.factories import packaged_models
from tests.factories.invalid_runtime_files import make_tflite

DENSE = np.array([[1.0, 0, 0, 2.0], [0, 0, 0, 0], [0, 3.0, 0, 0]], "float32")


def make_level(size: int = 0, segments: list[int] | None = None, indices: list[int] | None = None) -> SimpleNamespace:
    """A dimension as LiteRT's schema describes it: dense, or compressed rows."""
    lists = {"arraySegments": SimpleNamespace(values=segments), "arrayIndices": SimpleNamespace(values=indices)}
    return SimpleNamespace(format=0 if segments is None else 1, denseSize=size, **lists)


def test_unfold_litert_of_compressed_rows():
    levels = [make_level(3), make_level(segments=[0, 2, 2, 3], indices=[0, 3, 1])]
    sparsity = SimpleNamespace(traversalOrder=[0, 1], blockMap=None, dimMetadata=levels)
    assert np.array_equal(unfold_litert(np.float32([1, 2, 3]), (3, 4), sparsity), DENSE)


def test_unfold_litert_of_blocks():
    dense = np.kron(np.array([[0, 1], [1, 0]]), np.arange(1, 3)[None]).astype(
        "float32"
    )  # blocks of one row, two columns
    levels = [make_level(2), make_level(segments=[0, 1, 2], indices=[1, 0]), make_level(2)]
    sparsity = SimpleNamespace(traversalOrder=[0, 1, 2], blockMap=[1], dimMetadata=levels)
    assert np.array_equal(unfold_litert(np.float32([1, 2, 1, 2]), (2, 4), sparsity), dense)


@pytest.mark.parametrize("indices", [np.array([0, 3, 9]), np.array([[0, 0], [0, 3], [2, 1]])], ids=["flat", "axes"])
def test_unfold_onnx_of_either_kind_of_indices(indices: np.ndarray):
    assert np.array_equal(unfold_onnx(np.float32([1, 2, 3]), indices, (3, 4)), DENSE)


def test_litert_file_with_sparse_tensor_shows_its_values(tmp_path: Path):
    from ai_edge_litert import schema_py_generated as schema

    def make_sparse(model) -> None:
        tensor, sparsity = model.subgraphs[0].tensors[1], schema.SparsityParametersT()
        rows, columns = schema.DimensionMetadataT(), schema.DimensionMetadataT()
        rows.format, rows.denseSize, columns.format = 0, 1, 1
        columns.arraySegmentsType = columns.arrayIndicesType = schema.SparseIndexVector.Int32Vector
        columns.arraySegments, columns.arrayIndices = schema.Int32VectorT(), schema.Int32VectorT()
        columns.arraySegments.values, columns.arrayIndices.values = [0, 1], [2]
        sparsity.traversalOrder, sparsity.dimMetadata = [0, 1], [rows, columns]
        tensor.sparsity, model.buffers[1].data = sparsity, list(np.float32([7.5]).tobytes())

    (tmp_path / "model.tflite").write_bytes(make_tflite(make_sparse))
    bias = read_litert(tmp_path / "model.tflite").list_tensors()[0]
    assert bias.read().tolist() == [[0.0, 0.0, 7.5]]
    assert bias.note == "stored sparse"


def test_litert_file_without_signature_shows_its_inputs(tmp_path: Path):
    (tmp_path / "model.tflite").write_bytes(make_tflite())
    (signature,) = read_litert(tmp_path / "model.tflite").signatures()["signatures"]
    assert [(port["name"], port["shape"]) for port in signature["inputs"]] == [("x", [1, 3])]
    assert [(port["name"], port["shape"]) for port in signature["outputs"]] == [("y", [1, 3])]


def test_onnx_constants_in_nodes_are_listed_and_unfolded(tmp_path: Path):
    tensors = read_onnx(packaged_models.write_constant_node_onnx(tmp_path / "model.onnx")).list_tensors()
    assert [(tensor.name, tensor.read().tolist(), tensor.note) for tensor in tensors] == [
        ("kernel", packaged_models.KERNEL.tolist(), ""),
        ("bias", [0.0, 2.0, -1.0], "stored sparse"),
    ]


def test_onnx_external_data_is_read_from_beside_it_alone(tmp_path: Path):
    folder = packaged_models.write_external_onnx(tmp_path / "beside")
    (kernel,) = read_onnx(folder / "model.onnx").list_tensors()
    assert np.array_equal(kernel.read(), packaged_models.KERNEL)
    (kernel,) = read_onnx(
        packaged_models.write_external_onnx(tmp_path / "out", "../w.bin") / "model.onnx"
    ).list_tensors()
    with pytest.raises(ValueError, match="which is not beside it"):
        kernel.read()


@pytest.mark.parametrize(
    ("shape", "text"),
    [(None, "of any shape"), ([None, 3], "[?, 3]"), ([[None, 3], [None, 2]], "[[null, 3], [null, 2]]")],
)
def test_output_shape_of_a_layer_is_said_in_words(shape, text):
    layer = {"name": "d", "class": "Dense", "output_shape": shape, "parameters": 8, "trainable": True}
    assert format_layer_row(layer)["output_shape"] == text

"""What the metadata of a LiteRT file say of its inputs.

TensorFlow Lite Support publishes `metadata_schema.fbs`; no package here reads it, so its few tables are walked by the
places of their fields.
"""

from typing import Any

import numpy as np

from core.runtimes.range_propagation import Range

ENTRY = "TFLITE_METADATA"
# Places of fields in their tables.
SUBGRAPHS, INPUTS, PROCESS_UNITS, STATISTICS = 3, 2, 4, 5
UNIT_KIND, UNIT, NORMALIZATION = 0, 1, 1
MEAN, DEVIATION = 0, 1
MAXIMUM, MINIMUM = 0, 1
BYTES = np.array([0.0, 255.0])  # what a picture is made of before it is normalised


def read_metadata_ranges(content: bytes) -> list[Range | None]:
    """The range of each input in the order of the first graph, by its statistics or else by how pictures are to be
    normalised. Raises what the bytes make flatbuffers raise."""
    data = _find_metadata(content)
    if data is None:
        return []
    import flatbuffers
    from flatbuffers import encode
    from flatbuffers.number_types import UOffsetTFlags

    root = flatbuffers.table.Table(data, encode.Get(UOffsetTFlags.packer_type, data, 0))
    inputs = [tensor for graph in _tables(root, SUBGRAPHS)[:1] for tensor in _tables(graph, INPUTS)]
    return [_range_of_tensor(tensor) for tensor in inputs]


def _find_metadata(content: bytes) -> bytearray | None:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    for entry in map(model.Metadata, range(model.MetadataLength())):
        if entry.Name() == ENTRY.encode():
            return bytearray(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    return None


def _range_of_tensor(tensor: Any) -> Range | None:
    for statistics in _table(tensor, STATISTICS):
        low, high = _floats(statistics, MINIMUM), _floats(statistics, MAXIMUM)
        if len(low) and len(high) and low.min() < high.max():
            return float(low.min()), float(high.max())
    for unit in _tables(tensor, PROCESS_UNITS):
        for options in _table(unit, UNIT) if _byte(unit, UNIT_KIND) == NORMALIZATION else ():
            mean, deviation = _floats(options, MEAN), _floats(options, DEVIATION)
            if len(mean) and len(deviation) and deviation.all():
                ends = (BYTES[:, None] - mean) / deviation
                return float(ends.min()), float(ends.max())
    return None


def _offset(table: Any, place: int) -> int:
    """Where a field lies in its table; 0 where it is left out."""
    return int(table.Offset(4 + 2 * place))


def _byte(table: Any, place: int) -> int:
    at = _offset(table, place)
    return table.Bytes[table.Pos + at] if at else 0


def _table(table: Any, place: int) -> list[Any]:
    """The table in a field, or nothing."""
    at = _offset(table, place)
    return [type(table)(table.Bytes, table.Indirect(table.Pos + at))] if at else []


def _tables(table: Any, place: int) -> list[Any]:
    """The tables of a list in a field."""
    if not (at := _offset(table, place)):
        return []
    start = table.Vector(at)
    return [type(table)(table.Bytes, table.Indirect(start + 4 * item)) for item in range(table.VectorLen(at))]


def _floats(table: Any, place: int) -> np.ndarray:
    at = _offset(table, place)
    if not at:
        return np.zeros(0)
    return np.frombuffer(table.Bytes, "<f4", table.VectorLen(at), table.Vector(at)).astype("float64")

"""Sparse tensors of LiteRT and ONNX files as dense ones."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

DENSE_FORMAT = 0  # of a dimension in LiteRT's schema; the other one lists where values lie (compressed rows)


def unfold_litert(values: np.ndarray, shape: Sequence[int], sparsity: Any) -> np.ndarray:
    """The tensor of a LiteRT file, stored by levels: the dimensions in an order of their own, then those of blocks.

    Source: the comments on `SparsityParameters` in LiteRT's schema.fbs.
    """
    order, blocks = [int(axis) for axis in sparsity.traversalOrder], [int(axis) for axis in _items(sparsity.blockMap)]
    places = np.zeros((1, 0), "int64")  # of each value so far, its index at each level
    values_at = np.zeros(1, "int64")
    for level in sparsity.dimMetadata:
        counts, indices, values_at = _expand_level(level, values_at)
        places = np.column_stack([np.repeat(places, counts, axis=0), indices])
    index = np.zeros((len(places), len(shape)), "int64")
    for level_at in sorted(range(len(order)), key=lambda at: order[at]):  # dimensions first, then places in blocks
        axis = order[level_at]
        if axis < len(shape):
            index[:, axis] += places[:, level_at]
        else:
            axis = blocks[axis - len(shape)]
            index[:, axis] = index[:, axis] * int(sparsity.dimMetadata[level_at].denseSize) + places[:, level_at]
    dense = np.zeros(tuple(shape), values.dtype)
    dense[tuple(index.T)] = values[values_at]
    return dense


def _expand_level(level: Any, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How many children each parent has at a level, their indices there, and their numbers in storage."""
    if level.format == DENSE_FORMAT:
        size = int(level.denseSize)
        indices = np.tile(np.arange(size), len(parents))
        return np.full(len(parents), size), indices, np.repeat(parents, size) * size + indices
    segments = np.asarray(level.arraySegments.values, "int64")
    counts = segments[parents + 1] - segments[parents]
    firsts = np.repeat(segments[parents] - np.cumsum(counts) + counts, counts)
    numbers = firsts + np.arange(int(counts.sum()))
    return counts, np.asarray(level.arrayIndices.values, "int64")[numbers], numbers


def _items(vector: Any) -> Sequence[Any]:
    return [] if vector is None else vector


def unfold_onnx(values: np.ndarray, indices: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The tensor of an ONNX file, whose indices are flat ones, or one for each axis."""
    dense = np.zeros(math.prod(shape), values.dtype)
    flat = indices if indices.ndim == 1 else np.ravel_multi_index(tuple(indices.T), tuple(shape))
    dense[flat] = values
    return dense.reshape(tuple(shape))

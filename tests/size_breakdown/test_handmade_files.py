"""Files made by hand: each byte is assigned once, zips are unpacked, and what cannot be known is noted."""

import io
import json
import os
import subprocess
import sys
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.arrays import fingerprint_arrays
from core.errors import Damaged
from core.library import Artifact, Library, Run
from core.runtimes.reference import Reference
from core.settings import PROJECT
from core.size_breakdown import breakdown as content_module
from core.size_breakdown.breakdown import SizePart, break_down_sizes
from tests.factories.library_entries import RUN_FACTS, make_artifact, make_run

RANDOM = np.random.default_rng(0)
KERNEL = RANDOM.normal(size=(8, 4)).astype(np.float32)
BIAS = RANDOM.normal(size=4).astype(np.float32)
MOMENT = RANDOM.normal(size=(8, 4)).astype(np.float32)
STEP = np.array(7)


def bytes_by_group(parts: list[SizePart]) -> Counter[str]:
    count: Counter[str] = Counter()
    for part in parts:
        count[part.group] += part.bytes
    return count


# By hand, to the byte


def make_run_with_arrays(library: Library, weights: dict, optimizer: dict, between: tuple = ()) -> Run:
    """A run whose snapshot holds these arrays; `between` are random state, which its record does not name."""
    with library.staging() as staged:
        (staged / "snapshot").mkdir()
        values = [*weights.values(), *between, *optimizer.values()]
        np.savez(staged / "snapshot" / "variables.npz", **{str(at): value for at, value in enumerate(values)})
        Reference({"x": np.arange(4.0)}, {"y": np.arange(4.0)}, {}).write(staged / "reference.npz")
        named = {
            "weights": fingerprint_arrays(list(weights.items())),
            "optimizer": fingerprint_arrays(list(optimizer.items())),
        }
        return library.commit_run(staged, RUN_FACTS | named)


def make_artifact_with_files(library: Library, run: Run, **files: bytes) -> Artifact:
    """A kept artifact with these files; a name's first underscore stands for its dot."""
    artifact = make_artifact(library, run)
    folder = library.home / "artifacts" / artifact.id
    for path in [path for path in (folder / "files").rglob("*") if path.is_file()]:
        path.unlink()
    entries = []
    for name, raw in files.items():
        (folder / "files" / name.replace("_", ".", 1)).write_bytes(raw)
        entries.append(_make_file_entry(folder / "files" / name.replace("_", ".", 1)))
    record = artifact.model_copy(update={"files": entries})
    (folder / "artifact.json").write_text(record.to_json_text(), encoding="utf-8")
    return record


def _make_file_entry(path: Path):
    from core.library import integrity

    return integrity.make_file_entry(path, path.parent)


@pytest.fixture
def small_run(empty_library: Library) -> Run:
    """A run of two weights, one moment and a step count."""
    return make_run_with_arrays(empty_library, {"kernel": KERNEL, "bias": BIAS}, {"moment": MOMENT, "step": STEP})


def test_breakdown_of_handmade_files_assigns_every_byte(empty_library: Library, small_run: Run):
    raw = b"THE HEAD" + bytes(128) + KERNEL.T.tobytes() + BIAS.tobytes() + b"-" * 5
    raw += KERNEL.astype(np.float16).tobytes() + MOMENT.tobytes() + KERNEL.tobytes() + b"tail!!"
    artifact = make_artifact_with_files(
        empty_library, small_run, model_bin=raw, about_json=b'{"a": 1}', model_pb=b"graph"
    )
    result = break_down_sizes(empty_library, artifact.id)
    assert set(result.parts) == {
        SizePart("weights", "kernel, copy 2", 128, "model.bin"),
        SizePart("weights", "kernel, transposed", 128, "model.bin"),
        SizePart("optimizer state", "moment", 128, "model.bin"),
        SizePart("structure and padding", "runs of zeros", 128, "model.bin"),
        SizePart("weights", "kernel, in float16, copy 3", 64, "model.bin"),
        SizePart("weights", "bias", 16, "model.bin"),
        SizePart("structure and padding", "what is left", 19, "model.bin"),
        SizePart("metadata", "about.json", 8, "about.json"),
        SizePart("graph", "operations and signatures", 5, "model.pb"),
    }
    assert [part.bytes for part in result.parts] == sorted((part.bytes for part in result.parts), reverse=True)
    assert result.notes == [
        "192 bytes are further copies of what is there already.",
        "Not looked for: 1 tensor (8 bytes), too small or too uniform to be told from other bytes.",
    ]


def test_overlapping_tensors_are_counted_once(empty_library: Library):
    run = make_run_with_arrays(empty_library, {"whole": KERNEL, "part": KERNEL[2:5].copy()}, {})
    artifact = make_artifact_with_files(empty_library, run, model_bin=b"123" + KERNEL.tobytes())
    assert break_down_sizes(empty_library, artifact.id).parts == [
        SizePart("weights", "whole", 128, "model.bin"),
        SizePart("structure and converted weights", "what is left, converted weights", 3, "model.bin"),
    ]


def test_equal_tensors_are_each_found(empty_library: Library):
    run = make_run_with_arrays(empty_library, {"kernel": KERNEL}, {"average": KERNEL})
    artifact = make_artifact_with_files(empty_library, run, model_bin=KERNEL.tobytes() * 2)
    assert set(break_down_sizes(empty_library, artifact.id).parts) == {
        SizePart("weights", "kernel", 128, "model.bin"),
        SizePart("optimizer state", "average", 128, "model.bin"),
    }


def test_random_state_among_the_values_shifts_no_name(empty_library: Library):
    run = make_run_with_arrays(
        empty_library, {"kernel": KERNEL}, {"moment": MOMENT}, between=(np.array([1, 2], np.uint32),)
    )
    artifact = make_artifact_with_files(empty_library, run, model_bin=MOMENT.tobytes() + KERNEL.tobytes())
    assert set(break_down_sizes(empty_library, artifact.id).parts) == {
        SizePart("weights", "kernel", 128, "model.bin"),
        SizePart("optimizer state", "moment", 128, "model.bin"),
    }


@pytest.mark.parametrize("values", [np.ones((64, 64), np.float32), np.zeros(100, np.float32), np.full(50, np.pi)])
def test_uniform_tensors_are_not_looked_for(empty_library: Library, values: np.ndarray):
    run = make_run_with_arrays(empty_library, {"gamma": values, "kernel": KERNEL}, {})
    artifact = make_artifact_with_files(empty_library, run, model_bin=values.tobytes() + KERNEL.tobytes())
    result = break_down_sizes(empty_library, artifact.id)
    assert bytes_by_group(result.parts) == {"weights": 128, "structure and padding": values.nbytes}
    assert result.notes[0].startswith(f"Not looked for: 1 tensor ({values.nbytes:,} bytes)")


@pytest.mark.parametrize("axes", [(3, 0, 1, 2), (3, 2, 0, 1), (2, 3, 0, 1)])
def test_transposed_kernels_are_found(empty_library: Library, axes: tuple):
    kernel = RANDOM.normal(size=(3, 3, 2, 5)).astype(np.float32)
    run = make_run_with_arrays(empty_library, {"kernel": kernel}, {})
    artifact = make_artifact_with_files(empty_library, run, model_onnx=b"?" + kernel.transpose(axes).tobytes())
    assert (
        SizePart("weights", "kernel, transposed", kernel.nbytes, "model.onnx")
        in break_down_sizes(empty_library, artifact.id).parts
    )


def test_tensor_across_chunk_borders_is_found(empty_library: Library):
    kernel = RANDOM.normal(size=(600, 1000)).astype(np.float32)  # 2.4 MB, over two borders of a mebibyte
    run = make_run_with_arrays(empty_library, {"kernel": kernel, "bias": BIAS}, {})
    before = b"\x01" * (2**20 - 3)  # the bias begins three bytes before a border
    artifact = make_artifact_with_files(empty_library, run, model_h5=before + BIAS.tobytes() + kernel.tobytes())
    assert bytes_by_group(break_down_sizes(empty_library, artifact.id).parts) == {
        "weights": kernel.nbytes + BIAS.nbytes,
        "structure and padding": len(before),
    }


# Zips


def make_zip(members: dict[str, bytes], compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)
    return buffer.getvalue()


def test_stored_members_are_searched_in_place(empty_library: Library, small_run: Run):
    raw = make_zip({"config.json": b"{}" * 20, "model.h5": b"abc" + KERNEL.tobytes()}, zipfile.ZIP_STORED)
    artifact = make_artifact_with_files(empty_library, small_run, model_keras=b"before" + raw + b"after")
    bias_is_not_there = "model.h5: HDF5 names, settings and tables, converted weights"
    assert set(break_down_sizes(empty_library, artifact.id).parts) == {
        SizePart("weights", "kernel", 128, "model.keras"),
        SizePart("metadata", "config.json", 40, "model.keras"),
        SizePart("structure and converted weights", bias_is_not_there, 3, "model.keras"),
        SizePart("structure and padding", "headers and directory of the zip", len(raw) + 11 - 171, "model.keras"),
    }


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_zip_members_are_unpacked_and_savings_noted(
    empty_library: Library, small_run: Run, compression: int
):
    inside = KERNEL.tobytes() + BIAS.tobytes() + b"abc" * 1000
    raw = make_zip({"model.weights.h5": inside}, compression)
    artifact = make_artifact_with_files(empty_library, small_run, model_keras=raw)
    parts = break_down_sizes(empty_library, artifact.id).parts
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        packed = archive.getinfo("model.weights.h5").compress_size
    assert sum(part.bytes for part in parts) == len(raw)
    assert set(parts) == {
        SizePart("weights", "kernel", 128, "model.keras"),
        SizePart("weights", "bias", 16, "model.keras"),
        SizePart("structure and padding", "model.weights.h5: HDF5 names, settings and tables", 3000, "model.keras"),
        SizePart("structure and padding", "headers and directory of the zip", len(raw) - packed, "model.keras"),
        SizePart("saved by compression", "model.weights.h5: compression", packed - len(inside), "model.keras"),
    }


@pytest.mark.trust
def test_oversized_zip_member_is_not_unpacked_into_memory(empty_library: Library, small_run: Run):
    raw = make_zip({"model.weights.h5": bytes(content_module.MAX_UNPACKED_BYTES + 1)}, zipfile.ZIP_DEFLATED)
    id_ = make_artifact_with_files(empty_library, small_run, model_keras=raw).id
    tracemalloc.start()
    result = break_down_sizes(empty_library, id_)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (part,) = [part for part in result.parts if part.group == "not searched"]
    assert (part.name, part.bytes < 2**17) == ("model.weights.h5: compressed, not unpacked", True)
    assert sum(part.bytes for part in result.parts) == len(raw)
    assert peak < 16 * 2**20


def test_unreadable_zip_member_is_noted(empty_library: Library, small_run: Run):
    raw = bytearray(make_zip({"model.h5": KERNEL.tobytes() + b"abc" * 1000}, zipfile.ZIP_DEFLATED))
    raw[60:80] = bytes(20)
    artifact = make_artifact_with_files(empty_library, small_run, model_keras=bytes(raw))
    result = break_down_sizes(empty_library, artifact.id)
    assert sum(part.bytes for part in result.parts) == len(raw)
    assert [part.name for part in result.parts if part.group == "not searched"] == [
        "model.h5: compressed, not unpacked"
    ]
    assert result.notes[-1].startswith("Not looked through: ")


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x00", b"\xff" * 7])
def test_malformed_files_are_fully_accounted_for(empty_library: Library, small_run: Run, raw: bytes):
    artifact = make_artifact_with_files(empty_library, small_run, model_keras=raw)
    assert sum(part.bytes for part in break_down_sizes(empty_library, artifact.id).parts) == len(raw)


def test_zip_with_corrupted_directory_is_fully_accounted_for(empty_library: Library, small_run: Run):
    whole = make_zip({"a.h5": KERNEL.tobytes(), "b.h5": MOMENT.tobytes()}, zipfile.ZIP_STORED)
    directory = whole.index(b"PK\x01\x02")
    for at in range(directory, len(whole)):
        raw = whole[:at] + b"\x7f" + whole[at + 1 :]
        artifact = make_artifact_with_files(empty_library, small_run, model_keras=raw)
        assert sum(part.bytes for part in break_down_sizes(empty_library, artifact.id).parts) == len(raw)


# Limits, and what cannot be known


def test_files_beyond_search_limit_are_not_searched_and_noted(
    empty_library: Library, small_run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(content_module, "MAX_SEARCHED_BYTES", 200)
    artifact = make_artifact_with_files(
        empty_library, small_run, model_h5=KERNEL.tobytes() + b"x" * 100 + MOMENT.tobytes()
    )
    result = break_down_sizes(empty_library, artifact.id)
    assert set(result.parts) == {
        SizePart("weights", "kernel", 128, "model.h5"),
        SizePart("structure and padding", "HDF5 names, settings and tables", 72, "model.h5"),
        SizePart("not searched", "model.h5: beyond the limit of the search", 156, "model.h5"),
    }
    text = "Not looked through: 156 bytes, compressed in an unknown way or beyond the first 200."
    assert result.notes[-1] == text


def test_repetitive_tensor_is_found_in_time(empty_library: Library):
    row = RANDOM.normal(size=16).astype(np.float32)
    repeated = np.tile(row, (4000, 1))
    run = make_run_with_arrays(empty_library, {"embedding": repeated, "kernel": KERNEL}, {})
    artifact = make_artifact_with_files(empty_library, run, model_h5=repeated.tobytes() + KERNEL.tobytes())
    assert bytes_by_group(break_down_sizes(empty_library, artifact.id).parts) == {"weights": repeated.nbytes + 128}


def test_breakdown_of_notebook_run_groups_by_file_kind(empty_library: Library):
    run = make_run(empty_library, demo=None, settings=None)
    model = make_zip({"config.json": b"{}", "model.weights.h5": KERNEL.tobytes()}, zipfile.ZIP_STORED)
    artifact = make_artifact_with_files(empty_library, run, model_keras=model, model_tflite=b"graph")
    result = break_down_sizes(empty_library, artifact.id)
    assert bytes_by_group(result.parts) == {
        "weights and structure": 128,
        "graph": 5,
        "metadata": 2,
        "structure and padding": len(model) - 130,
    }
    assert result.notes == [
        "The run was added from a notebook and keeps no single values, so nothing could be looked for: bytes are named "
        "by the kind of file that they lie in."
    ]


def test_breakdown_of_unreadable_snapshot_groups_by_file_kind(empty_library: Library, run: Run):
    artifact = make_artifact_with_files(empty_library, run, model_tflite=b"graph")
    assert break_down_sizes(empty_library, artifact.id).parts == [
        SizePart("graph and weights", "operations and signatures, weights", 5, "model.tflite")
    ]


@pytest.mark.parametrize("as_json", [True, False])
def test_bytes_command_prints_the_same_parts(empty_library: Library, small_run: Run, as_json: bool):
    artifact = make_artifact_with_files(empty_library, small_run, model_h5=KERNEL.tobytes() + BIAS.tobytes())
    command = [sys.executable, "-m", "core", "bytes", artifact.id, *(["--json"] if as_json else [])]
    environment = os.environ | {"ROUNDTRIP_HOME": str(empty_library.home)}
    output = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True).stdout
    if as_json:
        document = json.loads(output)
        assert (document["bytes"], sum(part["bytes"] for part in document["parts"])) == (144, 144)
        assert [part["name"] for part in document["parts"]] == ["kernel", "bias"]
    else:
        assert output.splitlines()[1].split() == ["128", "weights", "kernel", "model.h5"]
        assert output.splitlines()[3] == "Tensors of optimizer state found: 0 of 1."


def test_breakdown_of_damaged_artifact_raises_damaged(empty_library: Library, small_run: Run):
    artifact = make_artifact_with_files(empty_library, small_run, model_bin=b"0123")
    (empty_library.home / "artifacts" / artifact.id / "files" / "model.bin").write_bytes(b"0124")
    with pytest.raises(Damaged, match=r"The file model\.bin has changed"):
        break_down_sizes(empty_library, artifact.id)

"""Bad uploads, names, zips and .keras files; bad descriptions stand in `invalid_keras_configs`."""

import io
import pickle
import stat
import struct
import zipfile
from pathlib import Path

from tests.factories.saved_model_parts import make_meta_graph, make_saved_model
from tests.factories.untrusted_files import (
    Upload,
    make_keras_file,
    make_keras_members,
    make_zip,
    overwrite,
    register_invalid,
    single_file_upload,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
ELF = b"\x7fELF\x02\x01\x01" + bytes(64)
VALID_KERAS_FILE = make_keras_file()

# The upload as a whole, and what it is called.
register_invalid("empty", "name", "empty", single_file_upload(b"", "model.keras"))
register_invalid("one-byte", "name", "unlike", single_file_upload(b"P", "model.keras"))
register_invalid("png-as-keras", "name", "unlike", single_file_upload(PNG, "model.keras"))
register_invalid("zip-as-h5", "name", "unlike", single_file_upload(VALID_KERAS_FILE, "model.h5"))
register_invalid("elf-as-tflite", "name", "unlike", single_file_upload(ELF, "model.tflite"))
register_invalid("text-as-onnx", "name", "unlike", single_file_upload(b"GET / HTTP/1.1\r\n" * 8, "model.onnx"))
register_invalid("keras-as-zip", "name", "unlike", single_file_upload(VALID_KERAS_FILE, "model.zip"))
for ending in ("keras", "h5", "weights.h5", "json", "tflite", "onnx", "zip"):
    register_invalid(
        f"pickle-as-{ending}", "name", "unlike", single_file_upload(pickle.dumps([1, "two"] * 9), f"model.{ending}")
    )
for id_, name in {
    "pickle": "model.pkl",
    "npz": "arrays.npz",
    "no-ending": "model",
    "nul": "model.keras\0.png",
    "crlf": "model.keras\r\nsecond line",
    "html": "<b>model</b>",
    "markdown": "![](model.png)",
    "formula": "=1+1",
    "marks": "model\u202esarek.",
    "long": "n" * 300,
    "way-up": "../model",
}.items():
    register_invalid(f"name-{id_}", "name", "unknown-ending", single_file_upload(VALID_KERAS_FILE, name))


def make_symlink_upload(folder: Path) -> Upload:
    (folder / "beside").write_bytes(VALID_KERAS_FILE)
    (folder / "upload").symlink_to(folder / "beside")
    return folder / "upload", "model.keras"


register_invalid("upload-is-a-link", "name", "not-a-file", make_symlink_upload)


# Zips.
def make_member_info(name: str, mode: int = stat.S_IFREG | 0o644, method: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.compress_type = method
    return info


def add_member(info: zipfile.ZipInfo | str, content: bytes = b"x") -> bytes:
    return make_zip([*make_keras_members().items(), (info, content)])


for id_, name in {"way-up": "../x", "absolute": "/x", "backslash": "..\\x", "drive": "C:x", "dot": "./x"}.items():
    register_invalid(f"zip-{id_}", "keras", "zip-name", single_file_upload(add_member(name), "model.keras"))
register_invalid("zip-marks", "keras", "zip-name", single_file_upload(add_member("assets/\u202ex"), "model.keras"))
register_invalid(
    "zip-link",
    "keras",
    "zip-link",
    single_file_upload(add_member(make_member_info("assets/x", stat.S_IFLNK | 0o777)), "m.keras"),
)
register_invalid(
    "zip-device",
    "keras",
    "zip-link",
    single_file_upload(add_member(make_member_info("assets/x", stat.S_IFCHR | 0o600)), "m.keras"),
)
register_invalid(
    "zip-nested", "keras", "zip-member", single_file_upload(add_member("inner.zip", VALID_KERAS_FILE), "model.keras")
)
register_invalid(
    "zip-npz-weights", "keras", "zip-member", single_file_upload(add_member("model.weights.npz", b"x"), "model.keras")
)
register_invalid(
    "zip-shards", "keras", "zip-member", single_file_upload(add_member("model.weights.json", b"{}"), "model.keras")
)
register_invalid(
    "zip-bzip2",
    "keras",
    "zip-method",
    single_file_upload(add_member(make_member_info("a", method=zipfile.ZIP_BZIP2)), "model.keras"),
)
MANY = make_zip([*make_keras_members().items(), *((f"assets/{n}", b"") for n in range(40))])
register_invalid("zip-many", "keras", "zip-many", single_file_upload(MANY, "model.keras"), MAX_MEMBERS=30)
register_invalid(
    "zip-long-index", "keras", "zip-many", single_file_upload(MANY, "model.keras"), MAX_DIRECTORY_BYTES=1024
)


def make_zip64_end(index: int, length: int, count: int) -> bytes:
    """The end of an index in 64 bits: `count` files, said in `length` bytes from byte `index` on."""
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, index)
    return end + struct.pack("<4sLQL", b"PK\x06\x07", 0, index + length, 1)


def with_wide_end(content: bytes, more: int = 0) -> bytes:
    """A zip with an end in 64 bits as well, which says so many files more."""
    at = content.rindex(b"PK\x05\x06")
    _, _, _, _, count, length, start, _ = struct.unpack("<4s4H2LH", content[at:])
    return content[:at] + make_zip64_end(start, length, count + more) + content[at:]


register_invalid(
    "zip-two-ends", "keras", "zip-broken", single_file_upload(with_wide_end(VALID_KERAS_FILE, 1), "model.keras")
)


def make_duplicate_members() -> bytes:
    """The same config.json twice."""
    members = [*make_keras_members().items(), ("config.jsox", make_keras_members()["config.json"])]
    return make_zip(members).replace(b"config.jsox", b"config.json")


register_invalid("zip-duplicate", "keras", "zip-duplicate", single_file_upload(make_duplicate_members(), "model.keras"))
register_invalid(
    "zip-two-cases", "keras", "zip-duplicate", single_file_upload(add_member("Config.json"), "model.keras")
)
register_invalid(
    "zip-other-name-beside",
    "keras",
    "zip-header",
    single_file_upload(overwrite(VALID_KERAS_FILE, b"config.json", b"confih.json"), "m.keras"),
)
register_invalid(
    "zip-encrypted",
    "keras",
    "zip-encrypted",
    single_file_upload(
        VALID_KERAS_FILE.replace(b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\x01\0"), "m.keras"
    ),
)


def make_hidden_member() -> bytes:
    """A file between two others of which the index knows nothing."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in {"hidden": b"x", **make_keras_members()}.items():
            archive.writestr(name, content)
        archive.filelist.pop(0)
    return out.getvalue()


register_invalid("zip-hidden", "keras", "zip-overlap", single_file_upload(make_hidden_member(), "model.keras"))


def make_overlapping_members() -> bytes:
    """Two entries of the index that share one file of the zip."""
    content = make_zip([("saved_model.pb", b"x" * 64), ("fingerprint.pb", b"x" * 64)])
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    return content[: second + 42] + bytes(4) + content[second + 46 :]


register_invalid(
    "zip-overlap", "saved_model", "zip-overlap", single_file_upload(make_overlapping_members(), "model.zip")
)
register_invalid(
    "zip-bad-crc",
    "keras",
    "zip-crc",
    single_file_upload(overwrite(VALID_KERAS_FILE, b"small", b"smalL"), "model.keras"),
)
for part in range(1, 16):
    cut = VALID_KERAS_FILE[: len(VALID_KERAS_FILE) * part // 16]
    register_invalid(f"keras-cut-{part}", "keras", "zip-broken", single_file_upload(cut, "model.keras"))


WORDS = b"word\n" * 16_384  # 80 KiB
LARGE = make_zip(make_keras_members(**{"assets__layers__words__vocabulary.txt": WORDS}), zipfile.ZIP_DEFLATED)
register_invalid("zip-ratio", "keras", "zip-bomb", single_file_upload(LARGE, "model.keras"), MAX_DEFLATE_RATIO=50)
UNPACKED = make_zip({"saved_model.pb": make_saved_model(make_meta_graph()), "assets/words.txt": WORDS * 16})
register_invalid(
    "zip-unpacked-size", "saved_model", "unpacked-size", single_file_upload(UNPACKED, "model.zip"), unpacked_mb=1
)


def make_keras_file_without(part: str) -> bytes:
    return make_zip({name: content for name, content in make_keras_members().items() if part not in name})


register_invalid(
    "keras-no-weights", "keras", "zip-missing", single_file_upload(make_keras_file_without("weights"), "model.keras")
)
register_invalid(
    "keras-no-config", "keras", "zip-missing", single_file_upload(make_keras_file_without("config"), "model.keras")
)
register_invalid(
    "zip-of-nothing-known",
    "saved_model",
    "zip-missing",
    single_file_upload(make_zip({"readme.txt": b"hello"}), "model.zip"),
)
ASSET = "assets__layers__words__vocabulary.{}"
register_invalid(
    "keras-asset-bytes",
    "keras",
    "assets",
    single_file_upload(make_keras_file(**{ASSET.format("txt"): b"\xff\xfe\0"}), "m.keras"),
)


def make_object_npy() -> bytes:
    import numpy as np

    out = io.BytesIO()
    np.save(out, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return out.getvalue()


register_invalid(
    "keras-npy-objects",
    "keras",
    "npz",
    single_file_upload(make_keras_file(**{ASSET.format("npy"): make_object_npy()}), "m.keras"),
)
register_invalid(
    "keras-npy-broken",
    "keras",
    "npz",
    single_file_upload(make_keras_file(**{ASSET.format("npy"): b"\x93NUMPY\x09\x09"}), "m.keras"),
)

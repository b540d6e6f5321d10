"""Bad uploads, names, zips, .keras files and descriptions of models."""

import io
import pickle
import random
import stat
import struct
import zipfile
from pathlib import Path

from tests.gate.makers import (
    DENSE,
    Made,
    bad,
    dense,
    keras_file,
    keras_members,
    layer,
    patched,
    sequential,
    text,
    written,
    zipped,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
ELF = b"\x7fELF\x02\x01\x01" + bytes(64)
GOOD = keras_file()

# The upload as a whole, and what it is called.
bad("empty", "name", "empty", written(b"", "model.keras"))
bad("one-byte", "name", "unlike", written(b"P", "model.keras"))
bad("png-as-keras", "name", "unlike", written(PNG, "model.keras"))
bad("zip-as-h5", "name", "unlike", written(GOOD, "model.h5"))
bad("elf-as-tflite", "name", "unlike", written(ELF, "model.tflite"))
bad("text-as-onnx", "name", "unlike", written(b"GET / HTTP/1.1\r\n" * 8, "model.onnx"))
bad("keras-as-zip", "name", "unlike", written(GOOD, "model.zip"))
for ending in ("keras", "h5", "weights.h5", "json", "tflite", "onnx", "zip"):
    bad(f"pickle-as-{ending}", "name", "unlike", written(pickle.dumps([1, "two"] * 9), f"model.{ending}"))
for id_, name in {
    "pickle": "model.pkl",
    "npz": "arrays.npz",
    "no-ending": "model",
    "nul": "model.keras\0.png",
    "crlf": "model.keras\r\nX-Header: 1",
    "html": "<img src=x onerror=alert(1)>",
    "markdown": "![](http://127.0.0.1:9/x.png)",
    "formula": "=1+1",
    "marks": "model\u202esarek.",
    "long": "n" * 300,
    "way-up": "../../../etc/passwd",
}.items():
    bad(f"name-{id_}", "name", "unknown-ending", written(GOOD, name))


def linked(folder: Path) -> Made:
    (folder / "upload").symlink_to("/etc/hostname")
    return folder / "upload", "model.keras"


bad("upload-is-a-link", "name", "not-a-file", linked)


# Zips.
def member(name: str, mode: int = stat.S_IFREG | 0o644, method: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.compress_type = method
    return info


def with_member(info: zipfile.ZipInfo | str, content: bytes = b"x") -> bytes:
    return zipped([*keras_members().items(), (info, content)])


for id_, name in {"way-up": "../x", "absolute": "/x", "backslash": "..\\x", "drive": "C:x", "dot": "./x"}.items():
    bad(f"zip-{id_}", "keras", "zip-name", written(with_member(name), "model.keras"))
bad("zip-marks", "keras", "zip-name", written(with_member("assets/\u202ex"), "model.keras"))
bad("zip-link", "keras", "zip-link", written(with_member(member("assets/x", stat.S_IFLNK | 0o777), b"/etc"), "m.keras"))
bad("zip-device", "keras", "zip-link", written(with_member(member("assets/x", stat.S_IFCHR | 0o600)), "m.keras"))
bad("zip-nested", "keras", "zip-member", written(with_member("inner.zip", GOOD), "model.keras"))
bad("zip-npz-weights", "keras", "zip-member", written(with_member("model.weights.npz", b"x"), "model.keras"))
bad("zip-shards", "keras", "zip-member", written(with_member("model.weights.json", b"{}"), "model.keras"))
bad("zip-bzip2", "keras", "zip-method", written(with_member(member("a", method=zipfile.ZIP_BZIP2)), "model.keras"))
bad("zip-many", "keras", "zip-many", written(zipped([(f"assets/{n}", b"") for n in range(2_100)]), "model.keras"))


def many_members() -> bytes:
    """10^5 members, written by hand: the index alone takes 5 MB."""
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0x21, 0, 0, 0, 6, 0)
    files = b"".join(local + b"%06d" % n for n in range(100_000))
    index = b"".join(
        struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0x21, 0, 0, 0, 6, 0, 0, 0, 0, 0, n * 36)
        + b"%06d" % n
        for n in range(100_000)
    )
    return files + index + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 34_464, 34_464, len(index), len(files), 0)


def wide_end(index: int, length: int, count: int) -> bytes:
    """The end of an index in 64 bits: `count` files, said in `length` bytes from byte `index` on."""
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, index)
    return end + struct.pack("<4sLQL", b"PK\x06\x07", 0, index + length, 1)


def many_in_64_bits() -> bytes:
    """10^5 members of which only the end in 64 bits knows, which is the one that `zipfile` goes by."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    start, index = b"PK\x03\x04".ljust(30, b"\0"), entry * 100_000
    narrow = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(start), 0)
    return start + index + wide_end(len(start), len(index), 100_000) + narrow


def made_late(content, name: str):
    """A maker of a file whose content takes long to make: it is made when it is asked for."""
    return lambda folder: written(content(), name)(folder)


bad("zip-100000", "keras", "zip-many", made_late(many_members, "model.keras"))
bad("zip-100000-in-64-bits", "keras", "zip-broken", made_late(many_in_64_bits, "model.keras"))


def duplicate() -> bytes:
    """Two config.json, which the writer of zips only warns of."""
    members = [*keras_members().items(), ("config.jsox", b"{}")]
    return zipped(members).replace(b"config.jsox", b"config.json")


bad("zip-duplicate", "keras", "zip-duplicate", written(duplicate(), "model.keras"))
bad("zip-two-cases", "keras", "zip-duplicate", written(with_member("Config.json"), "model.keras"))
bad("zip-other-name-beside", "keras", "zip-header", written(patched(GOOD, b"config.json", b"confih.json"), "m.keras"))
bad(
    "zip-encrypted",
    "keras",
    "zip-encrypted",
    written(GOOD.replace(b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\x01\0"), "m.keras"),
)


def hidden() -> bytes:
    """A file between two others of which the index knows nothing."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in {"hidden": b"x", **keras_members()}.items():
            archive.writestr(name, content)
        archive.filelist.pop(0)
    return out.getvalue()


bad("zip-hidden", "keras", "zip-overlap", written(hidden(), "model.keras"))


def overlapping() -> bytes:
    """Two entries of the index that share one file of the zip."""
    content = zipped([("saved_model.pb", b"x" * 64), ("fingerprint.pb", b"x" * 64)])
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    return content[: second + 42] + bytes(4) + content[second + 46 :]


bad("zip-overlap", "saved_model", "zip-overlap", written(overlapping(), "model.zip"))
bad("zip-bad-crc", "keras", "zip-crc", written(patched(GOOD, b"small", b"smalL"), "model.keras"))
for part in range(1, 16):
    cut = GOOD[: len(GOOD) * part // 16]
    bad(f"keras-cut-{part}", "keras", "zip-broken", written(cut, "model.keras"))


def bomb(size: int = 3 << 30) -> bytes:
    """A member that claims 3 GiB and is stored in a few bytes."""
    content = zipped(keras_members(), zipfile.ZIP_DEFLATED)
    where = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    return content[: where + 24] + struct.pack("<L", size) + content[where + 28 :]


bad("zip-bomb", "keras", "zip-bomb", written(bomb(), "model.keras"))


def large_unpacked() -> bytes:
    """A member that claims 3 GiB, in a ratio that deflate can reach."""
    noise = random.Random(0).randbytes(4 << 20)
    content = zipped({"saved_model.pb": noise}, zipfile.ZIP_DEFLATED)
    where = content.rindex(b"PK\x01\x02")
    return content[: where + 24] + struct.pack("<L", 3 << 30) + content[where + 28 :]


bad("zip-unpacked-size", "saved_model", "unpacked-size", made_late(large_unpacked, "model.zip"))


def without(part: str) -> bytes:
    return zipped({name: content for name, content in keras_members().items() if part not in name})


bad("keras-no-weights", "keras", "zip-missing", written(without("weights"), "model.keras"))
bad("keras-no-config", "keras", "zip-missing", written(without("config"), "model.keras"))
bad("zip-of-nothing-known", "saved_model", "zip-missing", written(zipped({"readme.txt": b"hello"}), "model.zip"))
ASSET = "assets__layers__words__vocabulary.{}"
bad("keras-asset-bytes", "keras", "assets", written(keras_file(**{ASSET.format("txt"): b"\xff\xfe\0"}), "m.keras"))


def npy_of_objects() -> bytes:
    import numpy as np

    out = io.BytesIO()
    np.save(out, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return out.getvalue()


bad("keras-npy-objects", "keras", "npz", written(keras_file(**{ASSET.format("npy"): npy_of_objects()}), "m.keras"))
bad("keras-npy-broken", "keras", "npz", written(keras_file(**{ASSET.format("npy"): b"\x93NUMPY\x09\x09"}), "m.keras"))


# Descriptions: alone, and in a .keras file, which are held against the same rules.
def described(id_: str, rule: str, config: object) -> None:
    raw = config if isinstance(config, bytes) else text(config)
    bad(f"json-{id_}", "architecture", rule, written(raw, "model.json"))
    bad(f"keras-{id_}", "keras", rule, written(keras_file(raw), "model.keras"))


described("padded", "json-size", text(sequential(DENSE)) + b" " * (17 << 20))
described("items", "json-size", b'{"class_name": "Sequential", "config": [' + b"0," * 1_100_000 + b"0]}")
described("deep", "json-depth", b'{"class_name": "Sequential", "config": ' + b"[" * 10**5 + b"]" * 10**5 + b"}")
described("deep-300", "json-depth", b'{"class_name": "Sequential", "config": ' + b"[" * 300 + b"]" * 300 + b"}")
described("long-number", "json-number", b'{"class_name": "Sequential", "config": ' + b"9" * 10**6 + b"}")
described("long-fraction", "json-number", b'{"class_name": "Sequential", "config": 0.' + b"9" * 10**4 + b"}")
described("twice", "json-duplicate", b'{"class_name": "Sequential", "class_name": "Lambda", "config": {}}')
described("latin", "json-text", text(sequential(DENSE)).replace(b"small", b"sm\xe4ll"))
described("cut", "json-text", text(sequential(DENSE))[:-9])
bad(
    "keras-utf16",
    "keras",
    "json-text",
    written(keras_file(text(sequential(DENSE)).decode().encode("utf-16")), "m.keras"),
)
bad("json-utf16", "architecture", "unlike", written(text(sequential(DENSE)).decode().encode("utf-16"), "model.json"))
described("no-class", "config-shape", {"config": {"layers": []}})
described("class-no-text", "config-shape", sequential({"module": "keras.layers", "class_name": 7, "config": {}}))

CODE = {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}
described("lambda-layer", "config-code", sequential(layer("keras.layers", "Lambda", function=CODE)))
described("lambda-old", "config-code", sequential(layer(None, "Lambda", function=["4wEAAAA=", None, None])))
for where in ("activation", "kernel_initializer", "bias_regularizer", "kernel_constraint", "dtype", "standardize"):
    described(f"lambda-as-{where}", "config-code", sequential(dense(**{where: CODE})))
described("lambda-as-loss", "config-code", sequential(DENSE, compile_config={"optimizer": "adam", "loss": CODE}))
described("lambda-as-metric", "config-code", sequential(DENSE, compile_config={"metrics": [[CODE]]}))
described("lambda-as-key", "config-code", sequential(dense(bias_initializer={"deep": [{"er": CODE}]})))

for module, name in {
    "os": "system",
    "builtins": "eval",
    "subprocess": "Popen",
    "keras.src": "Model",
    "keras.src.utils.file_utils": "get_file",
    "keras.utils": "get_file",
    "keras.models": "load_model",
    "keras.layers": "TFSMLayer",
    "keras.src.ops.core": "Map",
    "keras.src.legacy.saving.legacy_h5_format": "load_model_from_hdf5",
}.items():
    described(f"class-{module}.{name}", "config-class", sequential(layer(module, name)))
for kind in ("TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer", "MyLayer"):
    described(f"class-{kind}", "config-class", sequential(layer(None, kind, filepath_=1)))
described("class-typespec", "config-class", sequential({"class_name": "__typespec__", "module": "os", "config": []}))
# The 26 names that Keras itself denies, and others that are functions and no part of a model.
DENIED = """
    backend.clear_session config.enable_unsafe_deserialization models.load_model models.model_from_json
    models.save_model preprocessing.image.load_img preprocessing.image.save_img
    preprocessing.image_dataset_from_directory preprocessing.text_dataset_from_directory
    saving.deserialize_keras_object saving.load_model saving.load_weights saving.register_keras_serializable
    saving.save_model saving.save_weights saving.serialize_keras_object utils.audio_dataset_from_directory
    utils.clear_session utils.deserialize_keras_object utils.get_file utils.image_dataset_from_directory
    utils.load_img utils.register_keras_serializable utils.save_img utils.serialize_keras_object
    utils.text_dataset_from_directory utils.pack_x_y_sample_weight ops.map ops.while_loop ops.vectorize
    random.shuffle distribution.initialize export.ExportArchive datasets.mnist.load_data
    applications.resnet50.ResNet50 visualization.plot_image_gallery
"""
for api in DENIED.split():
    module, _, name = api.rpartition(".")
    function = {"module": f"keras.{module}", "class_name": "function", "config": name, "registered_name": name}
    bad(
        f"json-function-{api}",
        "architecture",
        "config-function",
        written(text(sequential(dense(activation=function))), "m.json"),
    )
described(
    "function-builtins",
    "config-function",
    sequential(
        dense(activation={"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"})
    ),
)
described("registered-name", "config-registered", sequential(DENSE | {"registered_name": "evil>Dense"}))
described("registered-ours", "config-class", sequential(layer("core.demos.digits_custom", "Scale", "evil>Scale")))
described(
    "registered-function",
    "config-registered",
    sequential(
        dense(
            activation={
                "module": "builtins",
                "class_name": "function",
                "config": "relu",
                "registered_name": "evil>relu",
            }
        )
    ),
)
LOOKUP = {"max_tokens": None, "output_mode": "int"}
described(
    "vocabulary-path",
    "config-path",
    sequential(layer("keras.layers", "StringLookup", vocabulary="/etc/passwd", **LOOKUP)),
)
described(
    "vocabulary-url",
    "config-url",
    sequential(layer("keras.layers", "StringLookup", vocabulary="http://127.0.0.1:9/w", **LOOKUP)),
)
described(
    "bucket", "config-url", sequential(layer("keras.layers", "TextVectorization", vocabulary="gs://bucket/words"))
)
described("name-way-up", "config-name", sequential(dense(name="../../dense")))
described("name-absolute", "config-name", sequential(dense(name="/etc/dense")))
described("name-marks", "config-name", sequential(dense(name="den\u202ese")))
described("name-long", "config-name", sequential(dense(name="d" * 10_000)))

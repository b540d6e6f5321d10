"""Bad uploads, names, zips, .keras files and descriptions of models."""

import io
import pickle
import random
import stat
import struct
import zipfile
from pathlib import Path

from tests.factories.untrusted_files import (
    DENSE,
    Upload,
    dense_config,
    layer_config,
    make_keras_file,
    make_keras_members,
    make_zip,
    overwrite,
    register_invalid,
    sequential_config,
    single_file_upload,
    to_json_bytes,
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
    "crlf": "model.keras\r\nX-Header: 1",
    "html": "<img src=x onerror=alert(1)>",
    "markdown": "![](http://127.0.0.1:9/x.png)",
    "formula": "=1+1",
    "marks": "model\u202esarek.",
    "long": "n" * 300,
    "way-up": "../../../etc/passwd",
}.items():
    register_invalid(f"name-{id_}", "name", "unknown-ending", single_file_upload(VALID_KERAS_FILE, name))


def make_symlink_upload(folder: Path) -> Upload:
    (folder / "upload").symlink_to("/etc/hostname")
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
    single_file_upload(add_member(make_member_info("assets/x", stat.S_IFLNK | 0o777), b"/etc"), "m.keras"),
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
register_invalid(
    "zip-many",
    "keras",
    "zip-many",
    single_file_upload(make_zip([(f"assets/{n}", b"") for n in range(2_100)]), "model.keras"),
)


def make_100_000_members() -> bytes:
    """10^5 members, written by hand: the index alone takes 5 MB."""
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0x21, 0, 0, 0, 6, 0)
    files = b"".join(local + b"%06d" % n for n in range(100_000))
    index = b"".join(
        struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0x21, 0, 0, 0, 6, 0, 0, 0, 0, 0, n * 36)
        + b"%06d" % n
        for n in range(100_000)
    )
    return files + index + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 34_464, 34_464, len(index), len(files), 0)


def make_zip64_end(index: int, length: int, count: int) -> bytes:
    """The end of an index in 64 bits: `count` files, said in `length` bytes from byte `index` on."""
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, index)
    return end + struct.pack("<4sLQL", b"PK\x06\x07", 0, index + length, 1)


def make_100_000_zip64_members() -> bytes:
    """10^5 members of which only the end in 64 bits knows, which is the one that `zipfile` goes by."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    start, index = b"PK\x03\x04".ljust(30, b"\0"), entry * 100_000
    narrow = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(start), 0)
    return start + index + make_zip64_end(len(start), len(index), 100_000) + narrow


def upload_made_on_demand(content, name: str):
    """A maker of a file whose content takes long to make: it is made when it is asked for."""
    return lambda folder: single_file_upload(content(), name)(folder)


register_invalid("zip-100000", "keras", "zip-many", upload_made_on_demand(make_100_000_members, "model.keras"))
register_invalid(
    "zip-100000-in-64-bits", "keras", "zip-broken", upload_made_on_demand(make_100_000_zip64_members, "model.keras")
)


def make_duplicate_members() -> bytes:
    """Two config.json, which the writer of zips only warns of."""
    members = [*make_keras_members().items(), ("config.jsox", b"{}")]
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


def make_zip_bomb(size: int = 3 << 30) -> bytes:
    """A member that claims 3 GiB and is stored in a few bytes."""
    content = make_zip(make_keras_members(), zipfile.ZIP_DEFLATED)
    where = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    return content[: where + 24] + struct.pack("<L", size) + content[where + 28 :]


register_invalid("zip-bomb", "keras", "zip-bomb", single_file_upload(make_zip_bomb(), "model.keras"))


def make_large_member() -> bytes:
    """A member that claims 3 GiB, in a ratio that deflate can reach."""
    noise = random.Random(0).randbytes(4 << 20)
    content = make_zip({"saved_model.pb": noise}, zipfile.ZIP_DEFLATED)
    where = content.rindex(b"PK\x01\x02")
    return content[: where + 24] + struct.pack("<L", 3 << 30) + content[where + 28 :]


register_invalid(
    "zip-unpacked-size", "saved_model", "unpacked-size", upload_made_on_demand(make_large_member, "model.zip")
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


# Descriptions: alone, and in a .keras file, which are held against the same rules.
def register_invalid_config(id_: str, rule: str, config: object) -> None:
    raw = config if isinstance(config, bytes) else to_json_bytes(config)
    register_invalid(f"json-{id_}", "architecture", rule, single_file_upload(raw, "model.json"))
    register_invalid(f"keras-{id_}", "keras", rule, single_file_upload(make_keras_file(raw), "model.keras"))


register_invalid_config("padded", "json-size", to_json_bytes(sequential_config(DENSE)) + b" " * (17 << 20))
register_invalid_config("items", "json-size", b'{"class_name": "Sequential", "config": [' + b"0," * 1_100_000 + b"0]}")
register_invalid_config(
    "deep", "json-depth", b'{"class_name": "Sequential", "config": ' + b"[" * 10**5 + b"]" * 10**5 + b"}"
)
register_invalid_config(
    "deep-300", "json-depth", b'{"class_name": "Sequential", "config": ' + b"[" * 300 + b"]" * 300 + b"}"
)
register_invalid_config("long-number", "json-number", b'{"class_name": "Sequential", "config": ' + b"9" * 10**6 + b"}")
register_invalid_config(
    "long-fraction", "json-number", b'{"class_name": "Sequential", "config": 0.' + b"9" * 10**4 + b"}"
)
register_invalid_config(
    "twice", "json-duplicate", b'{"class_name": "Sequential", "class_name": "Lambda", "config": {}}'
)
register_invalid_config("latin", "json-text", to_json_bytes(sequential_config(DENSE)).replace(b"small", b"sm\xe4ll"))
register_invalid_config("cut", "json-text", to_json_bytes(sequential_config(DENSE))[:-9])
register_invalid(
    "keras-utf16",
    "keras",
    "json-text",
    single_file_upload(make_keras_file(to_json_bytes(sequential_config(DENSE)).decode().encode("utf-16")), "m.keras"),
)
register_invalid(
    "json-utf16",
    "architecture",
    "unlike",
    single_file_upload(to_json_bytes(sequential_config(DENSE)).decode().encode("utf-16"), "model.json"),
)
register_invalid_config("no-class", "config-shape", {"config": {"layers": []}})
register_invalid_config(
    "class-no-text", "config-shape", sequential_config({"module": "keras.layers", "class_name": 7, "config": {}})
)

CODE = {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}
register_invalid_config(
    "lambda-layer", "config-code", sequential_config(layer_config("keras.layers", "Lambda", function=CODE))
)
register_invalid_config(
    "lambda-old", "config-code", sequential_config(layer_config(None, "Lambda", function=["4wEAAAA=", None, None]))
)
for where in ("activation", "kernel_initializer", "bias_regularizer", "kernel_constraint", "dtype", "standardize"):
    register_invalid_config(f"lambda-as-{where}", "config-code", sequential_config(dense_config(**{where: CODE})))
register_invalid_config(
    "lambda-as-loss", "config-code", sequential_config(DENSE, compile_config={"optimizer": "adam", "loss": CODE})
)
register_invalid_config(
    "lambda-as-metric", "config-code", sequential_config(DENSE, compile_config={"metrics": [[CODE]]})
)
register_invalid_config(
    "lambda-as-key", "config-code", sequential_config(dense_config(bias_initializer={"deep": [{"er": CODE}]}))
)

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
    register_invalid_config(f"class-{module}.{name}", "config-class", sequential_config(layer_config(module, name)))
for kind in ("TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer", "MyLayer"):
    register_invalid_config(f"class-{kind}", "config-class", sequential_config(layer_config(None, kind, filepath_=1)))
register_invalid_config(
    "class-typespec", "config-class", sequential_config({"class_name": "__typespec__", "module": "os", "config": []})
)
# The 26 names that Keras itself denies, and others that are functions and no part of a model.
DENIED_FUNCTIONS = """
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
for api in DENIED_FUNCTIONS.split():
    module, _, name = api.rpartition(".")
    function = {"module": f"keras.{module}", "class_name": "function", "config": name, "registered_name": name}
    register_invalid(
        f"json-function-{api}",
        "architecture",
        "config-function",
        single_file_upload(to_json_bytes(sequential_config(dense_config(activation=function))), "m.json"),
    )
register_invalid_config(
    "function-builtins",
    "config-function",
    sequential_config(
        dense_config(
            activation={"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"}
        )
    ),
)
register_invalid_config(
    "registered-name", "config-registered", sequential_config(DENSE | {"registered_name": "evil>Dense"})
)
register_invalid_config(
    "registered-ours",
    "config-class",
    sequential_config(layer_config("core.demos.digits_custom", "Scale", "evil>Scale")),
)
register_invalid_config(
    "registered-function",
    "config-registered",
    sequential_config(
        dense_config(
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
register_invalid_config(
    "vocabulary-path",
    "config-path",
    sequential_config(layer_config("keras.layers", "StringLookup", vocabulary="/etc/passwd", **LOOKUP)),
)
register_invalid_config(
    "vocabulary-url",
    "config-url",
    sequential_config(layer_config("keras.layers", "StringLookup", vocabulary="http://127.0.0.1:9/w", **LOOKUP)),
)
register_invalid_config(
    "bucket",
    "config-url",
    sequential_config(layer_config("keras.layers", "TextVectorization", vocabulary="gs://bucket/words")),
)
register_invalid_config("name-way-up", "config-name", sequential_config(dense_config(name="../../dense")))
register_invalid_config("name-absolute", "config-name", sequential_config(dense_config(name="/etc/dense")))
register_invalid_config("name-marks", "config-name", sequential_config(dense_config(name="den\u202ese")))
register_invalid_config("name-long", "config-name", sequential_config(dense_config(name="d" * 10_000)))

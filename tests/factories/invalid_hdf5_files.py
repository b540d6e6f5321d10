"""Bad HDF5 files: whole models, weights, and the weights in a .keras file."""

from collections.abc import Callable
from typing import Any

from tests.factories.untrusted_files import (
    DENSE,
    dense_config,
    layer_config,
    make_hdf5,
    make_keras_file,
    register_invalid,
    sequential_config,
    single_file_upload,
    to_json_bytes,
    write_dense_weights,
)

DENSE_CONFIG_JSON = to_json_bytes(sequential_config(DENSE))


def write_whole_model(file: Any) -> None:
    """A whole model as Keras 2 writes it."""
    file.attrs["model_config"] = DENSE_CONFIG_JSON.decode()
    file.attrs["keras_version"] = "2.15.0"
    file.create_group("model_weights").attrs["layer_names"] = [b"dense"]
    layer = file.create_group("model_weights/dense")
    layer.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
    layer.create_dataset("dense/kernel:0", data=[[1.0, 2.0]] * 3, dtype="float32")
    layer.create_dataset("dense/bias:0", data=[0.0, 0.5], dtype="float32")


def make_invalid_hdf5(fill: Callable[[Any], None], begin: Callable[[Any], None] = write_dense_weights) -> bytes:
    def both(file: Any) -> None:
        begin(file)
        fill(file)

    return make_hdf5(both)


def register_in_each_layout(id_: str, rule: str, fill: Callable[[Any], None], **limits: int) -> None:
    """The same fault in a whole model, in weights and in the weights of a .keras file."""

    def maker(make: Callable[[], bytes], name: str) -> Any:
        return lambda folder: single_file_upload(make(), name)(folder)

    register_invalid(
        f"h5-{id_}", "h5", rule, maker(lambda: make_invalid_hdf5(fill, write_whole_model), "model.h5"), **limits
    )
    register_invalid(
        f"weights-{id_}", "weights", rule, maker(lambda: make_invalid_hdf5(fill), "model.weights.h5"), **limits
    )
    register_invalid(
        f"keras-h5-{id_}",
        "keras",
        rule,
        maker(lambda: make_keras_file(weights=make_invalid_hdf5(fill)), "model.keras"),
        **limits,
    )


def write_soft_link(file: Any) -> None:
    import h5py

    file["layers2"] = h5py.SoftLink("/layers")


def write_soft_link_to_parent(file: Any) -> None:
    import h5py

    file.create_group("a/b")["c"] = h5py.SoftLink("..")


def write_external_link(file: Any) -> None:
    import h5py

    file["secret"] = h5py.ExternalLink("other.h5", "/")


def hard_group(file: Any) -> None:
    file["one"] = file.create_group("two")


def write_two_hard_links(file: Any) -> None:
    file["one"] = [1.0]
    file["two"] = file["one"]


def write_external_storage(file: Any) -> None:
    file.create_dataset("secret", shape=(64,), dtype="uint8", external=[("other.bin", 0, 64)])


def write_virtual_dataset(file: Any) -> None:
    import h5py

    layout = h5py.VirtualLayout(shape=(8,), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(8,))
    file.create_virtual_dataset("virtual", layout)


def never_written(file: Any) -> None:
    file.create_dataset("zeros", shape=(20_480,), dtype="f4", chunks=(1024,), compression="gzip")  # 80 KiB of them


def well_packed(file: Any) -> None:
    file.create_dataset("zeros", data=[0.0] * 20_480, dtype="f4", compression="gzip")


def many_arrays(file: Any) -> None:
    for index in range(20):
        file.create_dataset(f"zeros{index}", shape=(16_384,), dtype="f4")  # 64 KiB each


def long_attribute(file: Any) -> None:
    import numpy as np

    file.attrs["notes"] = np.bytes_("word " * 400)


def many_attributes(file: Any) -> None:
    for index in range(40):
        file.attrs[f"note{index}"] = index


def write_lzf_filter(file: Any) -> None:
    file.create_dataset("x", data=[0.0] * 64, compression="lzf")


def write_scale_offset_filter(file: Any) -> None:
    file.create_dataset("x", data=list(range(64)), scaleoffset=0)


def write_compound_dtype(file: Any) -> None:
    import numpy as np

    file.create_dataset("x", data=np.zeros(3, dtype=[("a", "f4"), ("b", "i4")]))


def write_strings(file: Any) -> None:
    import h5py

    file.create_dataset("x", data=["a", "b"], dtype=h5py.string_dtype())


def write_fixed_strings(file: Any) -> None:
    import numpy as np

    file.create_dataset("x", data=np.array([b"ab", b"c"]))


def write_ragged_array(file: Any) -> None:
    import h5py

    file.create_dataset("x", shape=(2,), dtype=h5py.vlen_dtype("f4"))


def write_references(file: Any) -> None:
    import h5py

    file.create_dataset("x", data=file.ref, dtype=h5py.ref_dtype)


def write_reference_attribute(file: Any) -> None:
    file.attrs["x"] = file.ref


def write_named_dtype(file: Any) -> None:
    import numpy as np

    file["x"] = np.dtype("f4")


def write_null_dataspace(file: Any) -> None:
    import h5py

    file["x"] = h5py.Empty("f4")


def write_50_100_links(file: Any) -> None:
    for index in range(40):
        file.create_group(f"many/{index}")


def write_100_nested_groups(file: Any) -> None:
    file.create_group("/".join(["d"] * 12))


LOWERED: dict[Callable[[Any], None], tuple[str, dict[str, int]]] = {
    never_written: ("h5-size", {"EXPANSION_FLOOR_BYTES": 64 << 10}),
    well_packed: ("h5-size", {"EXPANSION_FLOOR_BYTES": 64 << 10, "MAX_EXPANSION": 50}),
    many_arrays: ("h5-size", {"unpacked_mb": 1}),
    long_attribute: ("h5-size", {"MAX_H5_ATTRIBUTE_BYTES": 1024}),
    many_attributes: ("h5-many", {"MAX_H5_ATTRIBUTES": 30}),
    write_50_100_links: ("h5-many", {"MAX_H5_OBJECTS": 30}),
    write_100_nested_groups: ("h5-depth", {"MAX_H5_DEPTH": 8}),
}
for one, (rule, lowered) in LOWERED.items():
    register_in_each_layout(one.__name__.replace("_", "-"), rule, one, **lowered)
for one, rule in {
    write_soft_link: "h5-link",
    write_soft_link_to_parent: "h5-link",
    write_external_link: "h5-link",
    hard_group: "h5-link",
    write_two_hard_links: "h5-link",
    write_external_storage: "h5-external",
    write_virtual_dataset: "h5-external",
    write_lzf_filter: "h5-filter",
    write_scale_offset_filter: "h5-filter",
    write_compound_dtype: "h5-dtype",
    write_strings: "h5-dtype",
    write_fixed_strings: "h5-dtype",
    write_ragged_array: "h5-dtype",
    write_references: "h5-dtype",
    write_reference_attribute: "h5-dtype",
    write_named_dtype: "h5-dtype",
    write_null_dataspace: "h5-size",
}.items():
    register_in_each_layout(one.__name__.replace("_", "-"), rule, one)

WHOLE_MODEL = make_hdf5(write_whole_model)
for part in range(1, 16, 2):
    register_invalid(
        f"h5-cut-{part}",
        "h5",
        "h5-broken",
        single_file_upload(WHOLE_MODEL[: len(WHOLE_MODEL) * part // 16], "model.h5"),
    )
register_invalid(
    "h5-head-alone", "h5", "h5-broken", single_file_upload(b"\x89HDF\r\n\x1a\n" + bytes(600), "model.hdf5")
)
register_invalid(
    "h5-no-config", "h5", "h5-weights-only", single_file_upload(make_hdf5(write_dense_weights), "model.h5")
)
register_invalid(
    "h5-measurements",
    "h5",
    "h5-not-keras",
    single_file_upload(make_hdf5(lambda file: file.create_dataset("measurements", data=[1.0, 2.0])), "model.h5"),
)
register_invalid("weights-of-keras-2", "weights", "h5-not-weights", single_file_upload(WHOLE_MODEL, "model.weights.h5"))


def make_model_with_config(config: bytes, **more: Any) -> bytes:
    import numpy as np

    def fill(file: Any) -> None:
        write_dense_weights(file.create_group("model_weights"))
        # Long texts do not fit beside the root of a file of the oldest layout.
        file.attrs.create("model_config", np.bytes_(config)) if len(config) < 60_000 else write_long_config(
            file, config
        )
        for name, value in more.items():
            file.attrs[name] = value

    return make_hdf5(fill)


def write_long_config(file: Any, config: bytes) -> None:
    import h5py

    file.attrs.create("model_config", config.decode(), dtype=h5py.string_dtype())


for id_, rule, config in (
    ("no-json", "json-text", b"not JSON"),
    ("config-list", "config-shape", b"[1, 2]"),
    ("lambda", "config-code", to_json_bytes({"class_name": "Sequential", "config": [layer_config(None, "Lambda")]})),
    ("lambda-new", "config-code", to_json_bytes(sequential_config(layer_config("keras.layers", "Lambda")))),
    ("module", "config-class", to_json_bytes(sequential_config(layer_config("my_package", "MyLayer")))),
    ("way-up", "config-name", to_json_bytes(sequential_config(dense_config(name="../dense")))),
):
    register_invalid(f"h5-config-{id_}", "h5", rule, single_file_upload(make_model_with_config(config), "model.h5"))
PADDED = make_model_with_config(DENSE_CONFIG_JSON + b" " * (80 << 10))
register_invalid("h5-config-padded", "h5", "json-size", single_file_upload(PADDED, "model.h5"), MAX_JSON_BYTES=64 << 10)
register_invalid(
    "h5-config-numbers",
    "h5",
    "config-shape",
    single_file_upload(make_hdf5(lambda file: file.attrs.__setitem__("model_config", [1, 2])), "m.h5"),
)
LOSS = '{"loss": {"class_name": "Lambda", "config": {}}}'
register_invalid(
    "h5-training-lambda",
    "h5",
    "config-code",
    single_file_upload(make_model_with_config(DENSE_CONFIG_JSON, training_config=LOSS), "model.h5"),
)

"""Bad HDF5 files: whole models, weights, and the weights in a .keras file."""

from collections.abc import Callable
from typing import Any

from tests.gate.makers import DENSE, bad, dense, fill_weights, h5, keras_file, layer, sequential, text, written

CONFIG = text(sequential(DENSE))


def whole(file: Any) -> None:
    """A whole model as Keras 2 writes it."""
    file.attrs["model_config"] = CONFIG.decode()
    file.attrs["keras_version"] = "2.15.0"
    file.create_group("model_weights").attrs["layer_names"] = [b"dense"]
    fill_weights(file["model_weights"])


def made(fill: Callable[[Any], None], begin: Callable[[Any], None] = fill_weights) -> bytes:
    def both(file: Any) -> None:
        begin(file)
        fill(file)

    return h5(both)


def in_each(id_: str, rule: str, fill: Callable[[Any], None]) -> None:
    """The same fault in a whole model, in weights and in the weights of a .keras file."""

    def maker(make: Callable[[], bytes], name: str) -> Any:
        return lambda folder: written(make(), name)(folder)

    bad(f"h5-{id_}", "h5", rule, maker(lambda: made(fill, whole), "model.h5"))
    bad(f"weights-{id_}", "weights", rule, maker(lambda: made(fill), "model.weights.h5"))
    bad(f"keras-h5-{id_}", "keras", rule, maker(lambda: keras_file(weights=made(fill)), "model.keras"))


def soft(file: Any) -> None:
    import h5py

    file["layers2"] = h5py.SoftLink("/layers/dense")


def soft_above(file: Any) -> None:
    import h5py

    file.create_group("a/b")["c"] = h5py.SoftLink("../..")


def external(file: Any) -> None:
    import h5py

    file["secret"] = h5py.ExternalLink("/etc/passwd", "/")


def hard_above(file: Any) -> None:
    file["a/b/up"] = file["/"]


def hard_twice(file: Any) -> None:
    file["one"] = [1.0]
    file["two"] = file["one"]


def external_storage(file: Any) -> None:
    file.create_dataset("secret", shape=(64,), dtype="uint8", external=[("/etc/passwd", 0, 64)])


def virtual(file: Any) -> None:
    import h5py

    layout = h5py.VirtualLayout(shape=(8,), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(8,))
    file.create_virtual_dataset("virtual", layout)


def shape_36_tb(file: Any) -> None:
    file.create_dataset("bomb", shape=(3_000_000, 3_000_000), dtype="f4", chunks=(1024, 1024), compression="gzip")


def shape_3_7_gib(file: Any) -> None:
    file.create_dataset("bomb", shape=(1_000_000_000,), dtype="f4", chunks=(1 << 20,), compression="gzip")


def shapes_500(file: Any) -> None:
    for index in range(500):
        file.create_dataset(f"small{index}", shape=(2_000_000,), dtype="f4", chunks=(1 << 16,))


def lzf(file: Any) -> None:
    file.create_dataset("x", data=[0.0] * 64, compression="lzf")


def scale_offset(file: Any) -> None:
    file.create_dataset("x", data=list(range(64)), scaleoffset=0)


def compound(file: Any) -> None:
    import numpy as np

    file.create_dataset("x", data=np.zeros(3, dtype=[("a", "f4"), ("b", "i4")]))


def strings(file: Any) -> None:
    import h5py

    file.create_dataset("x", data=["a", "b"], dtype=h5py.string_dtype())


def fixed_strings(file: Any) -> None:
    import numpy as np

    file.create_dataset("x", data=np.array([b"ab", b"c"]))


def ragged(file: Any) -> None:
    import h5py

    file.create_dataset("x", shape=(2,), dtype=h5py.vlen_dtype("f4"))


def references(file: Any) -> None:
    import h5py

    file.create_dataset("x", data=file.ref, dtype=h5py.ref_dtype)


def reference_attribute(file: Any) -> None:
    file.attrs["x"] = file.ref


def named_type(file: Any) -> None:
    import numpy as np

    file["x"] = np.dtype("f4")


def no_shape(file: Any) -> None:
    import h5py

    file["x"] = h5py.Empty("f4")


def groups(file: Any) -> None:
    many = file.create_group("many")
    for index in range(50_100):
        many.id.links.create_soft(b"%d" % index, b"/")


def deep(file: Any) -> None:
    file.create_group("/".join(["d"] * 100))


for one, rule in {
    soft: "h5-link",
    soft_above: "h5-link",
    external: "h5-link",
    hard_above: "h5-link",
    hard_twice: "h5-link",
    external_storage: "h5-external",
    virtual: "h5-external",
    shape_36_tb: "h5-size",
    shape_3_7_gib: "h5-size",
    shapes_500: "h5-size",
    lzf: "h5-filter",
    scale_offset: "h5-filter",
    compound: "h5-dtype",
    strings: "h5-dtype",
    fixed_strings: "h5-dtype",
    ragged: "h5-dtype",
    references: "h5-dtype",
    reference_attribute: "h5-dtype",
    named_type: "h5-dtype",
    no_shape: "h5-size",
    deep: "h5-depth",
}.items():
    in_each(one.__name__.replace("_", "-"), rule, one)
bad("weights-groups", "weights", "h5-many", lambda folder: written(made(groups), "model.weights.h5")(folder))

WHOLE = h5(whole)
for part in range(1, 16, 2):
    bad(f"h5-cut-{part}", "h5", "h5-broken", written(WHOLE[: len(WHOLE) * part // 16], "model.h5"))
bad("h5-head-alone", "h5", "h5-broken", written(b"\x89HDF\r\n\x1a\n" + bytes(600), "model.hdf5"))
bad("h5-no-config", "h5", "h5-weights-only", written(h5(fill_weights), "model.h5"))
bad("weights-of-keras-2", "weights", "h5-not-weights", written(WHOLE, "model.weights.h5"))


def configured(config: bytes, **more: Any) -> bytes:
    import numpy as np

    def fill(file: Any) -> None:
        fill_weights(file.create_group("model_weights"))
        # Long texts do not fit beside the root of a file of the oldest layout.
        file.attrs.create("model_config", np.bytes_(config)) if len(config) < 60_000 else long(file, config)
        for name, value in more.items():
            file.attrs[name] = value

    return h5(fill)


def long(file: Any, config: bytes) -> None:
    import h5py

    file.attrs.create("model_config", config.decode(), dtype=h5py.string_dtype())


for id_, rule, config in (
    ("no-json", "json-text", b"not JSON"),
    ("config-list", "config-shape", b"[1, 2]"),
    ("padded", "json-size", CONFIG + b" " * (17 << 20)),
    ("lambda", "config-code", text({"class_name": "Sequential", "config": [layer(None, "Lambda", function=["4w=="])]})),
    ("lambda-new", "config-code", text(sequential(layer("keras.layers", "Lambda")))),
    ("module", "config-class", text(sequential(layer("os", "system")))),
    ("way-up", "config-name", text(sequential(dense(name="../../dense")))),
):
    bad(f"h5-config-{id_}", "h5", rule, written(configured(config), "model.h5"))
bad(
    "h5-config-numbers",
    "h5",
    "config-shape",
    written(h5(lambda file: file.attrs.__setitem__("model_config", [1, 2])), "m.h5"),
)
LOSS = '{"loss": {"class_name": "Lambda", "config": {}}}'
bad("h5-training-lambda", "h5", "config-code", written(configured(CONFIG, training_config=LOSS), "model.h5"))

"""Bad descriptions of models: each alone, and in a .keras file."""

from collections.abc import Iterable

from tests.factories.untrusted_files import (
    DENSE,
    dense_config,
    layer_config,
    make_keras_file,
    register_invalid,
    sequential_config,
    single_file_upload,
    to_json_bytes,
)


# Descriptions: alone, and in a .keras file, which are compared with the same rules.
def register_invalid_config(id_: str, rule: str, config: object, without: Iterable[str] = (), **limits: int) -> None:
    raw = config if isinstance(config, bytes) else to_json_bytes(config)
    register_invalid(f"json-{id_}", "architecture", rule, single_file_upload(raw, "model.json"), without, **limits)
    register_invalid(
        f"keras-{id_}", "keras", rule, single_file_upload(make_keras_file(raw), "model.keras"), without, **limits
    )


def nested(depth: int, key: str = "") -> object:
    """Lists in each other, or dictionaries with this key."""
    result: object = 0
    for _ in range(depth):
        result = {key: result} if key else [result]
    return result


def noted(notes: object) -> dict:
    """A good description with something beside it that Keras does not ask for."""
    return sequential_config(DENSE, notes=notes)


NOTED = to_json_bytes(noted("here"))
register_invalid_config(
    "padded", "json-size", to_json_bytes(sequential_config(DENSE)) + b" " * (80 << 10), MAX_JSON_BYTES=64 << 10
)
register_invalid_config("items", "json-size", noted([0] * 2_000), MAX_JSON_ITEMS=1_000)
register_invalid_config("deep", "json-depth", noted(nested(40)), MAX_JSON_DEPTH=30)
register_invalid_config("deep-objects", "json-depth", noted(nested(40, "in")), MAX_JSON_DEPTH=30)
register_invalid_config("long-number", "json-number", NOTED.replace(b'"here"', b"9" * 80))
register_invalid_config("long-fraction", "json-number", NOTED.replace(b'"here"', b"0." + b"9" * 80))
register_invalid_config("twice", "json-duplicate", NOTED.replace(b'"notes": "here"', b'"module": "keras"'))
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

CODE = {"class_name": "__lambda__", "config": {}}  # the mark of code, and no code
register_invalid_config("lambda-layer", "config-code", sequential_config(layer_config("keras.layers", "Lambda")))
register_invalid_config("lambda-old", "config-code", sequential_config(layer_config(None, "Lambda")))
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

# Names that no list has, and names that are taken off the lists.
for module, name in {
    "my_package": "MyLayer",
    "my_package.layers": "Dense",
    "keras": "MyLayer",
    "keras.layers": "MyLayer",
    "keras.models": "MyModel",
    "keras.ops": "MyOperation",
    "keras.src": "MyLayer",
    "keras.src.layers": "Dense",
    "builtins": "MyLayer",
}.items():
    register_invalid_config(
        f"class-{module}.{name}", "config-class", sequential_config(layer_config(module, name, units=2))
    )
for kind in ("MyLayer", "MyModel", "MyActivation", "__my_mark__"):
    register_invalid_config(f"class-{kind}", "config-class", sequential_config(layer_config(None, kind)))
ONES = {"module": "keras.initializers", "class_name": "Ones", "config": {}}
L2 = {"module": "keras.regularizers", "class_name": "L2", "config": {}}
NON_NEG = {"module": "keras.constraints", "class_name": "NonNeg", "config": {}}
ADAM = {"module": "keras.optimizers", "class_name": "Adam", "config": {}}
for name, config in {
    "Dense": sequential_config(DENSE),
    "Sequential": sequential_config(DENSE),
    "Ones": sequential_config(dense_config(kernel_initializer=ONES)),
    "L2": sequential_config(dense_config(kernel_regularizer=L2)),
    "NonNeg": sequential_config(dense_config(bias_constraint=NON_NEG)),
    "Adam": sequential_config(DENSE, compile_config={"optimizer": ADAM, "loss": "mse"}),
}.items():
    register_invalid_config(f"class-off-the-list-{name}", "config-class", config, without=[name])
register_invalid_config(
    "class-off-the-list-alone", "config-class", sequential_config(DENSE | {"module": None}), without=["Dense"]
)


def activated(module: str, name: str) -> dict:
    """A layer with this function as its activation."""
    return sequential_config(
        dense_config(activation={"module": module, "class_name": "function", "config": name, "registered_name": name})
    )


for module, name in {
    "builtins": "relu",
    "keras.activations": "tanh",
    "keras.losses": "mean_squared_error",
    "keras.metrics": "binary_accuracy",
    "keras.ops": "relu6",
}.items():
    register_invalid_config(
        f"function-off-the-list-{module}", "config-function", activated(module, name), without=[name]
    )
    register_invalid_config(f"function-{module}.my_function", "config-function", activated(module, "my_function"))
for module in ("my_package", "keras", "keras.utils", "keras.models", "keras.layers", "keras.src.ops.nn"):
    register_invalid_config(f"function-{module}.my_function", "config-function", activated(module, "my_function"))
register_invalid_config(
    "registered-name", "config-registered", sequential_config(DENSE | {"registered_name": "other>Dense"})
)
register_invalid_config(
    "registered-ours",
    "config-class",
    sequential_config(layer_config("core.demos.digits_custom", "Scale", "other>Scale")),
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
                "registered_name": "other>relu",
            }
        )
    ),
)
LOOKUP = {"max_tokens": None, "output_mode": "int"}
register_invalid_config(
    "vocabulary-path",
    "config-path",
    sequential_config(layer_config("keras.layers", "StringLookup", vocabulary="words.txt", **LOOKUP)),
)
register_invalid_config(
    "vocabulary-url",
    "config-url",
    sequential_config(
        layer_config("keras.layers", "StringLookup", vocabulary="http://example.invalid/words", **LOOKUP)
    ),
)
register_invalid_config(
    "store",
    "config-url",
    sequential_config(layer_config("keras.layers", "TextVectorization", vocabulary="store://example/words")),
)
register_invalid_config("name-way-up", "config-name", sequential_config(dense_config(name="../dense")))
register_invalid_config("name-absolute", "config-name", sequential_config(dense_config(name="/dense")))
register_invalid_config("name-marks", "config-name", sequential_config(dense_config(name="den\u202ese")))
register_invalid_config("name-long", "config-name", sequential_config(dense_config(name="d" * 600)))

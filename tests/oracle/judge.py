"""A second judge of copies: plain TensorFlow, Keras, NumPy and the bare runtimes, and nothing of `core`.

Run as `python -m tests.oracle.judge REQUEST REPLY` in a process of its own: for each model, which it builds by itself
from the tables, and each copy it says what differs. The loaders stand in `tests/oracle/plain_loaders.py`.
"""

import json
import re
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

RTOL, ATOL = 1e-4, 1e-5
SOUND = "The sound copy cannot be judged: "
WITHOUT_NUMBERS = ("architecture",)  # whose weights are drawn anew at each load
ROWS = 12
LEFT_OUT_OF_CONFIGS = ("module", "registered_name", "build_config", "compile_config", "shared_object_id")


class Copy(TypedDict):
    """What is judged: the function that builds the model, as module, name and arguments, and the copy's files.

    With `beside`, a sound copy's folder, the copy is compared with that one and not with the model.
    """

    key: str
    builder: tuple[str, str, list[Any]]
    format: str
    folder: str
    beside: str


class Judgement(TypedDict):
    """What is different, in words; an empty list where nothing is, None where the copy does not hold the part.

    `answers` is "identical", "rounding", "changed" or "none"; `error` says why nothing could be judged; `own` is the
    largest difference of the sound copy beside it from the model; `surplus` are answers that the model does not give.
    """

    key: str
    error: str
    answers: str
    max_abs: float
    own: float
    surplus: list[str]
    weights: list[str] | None
    optimizer: list[str] | None
    settings: list[str] | None
    structure: list[str] | None
    resumes: list[str] | None


class Facts(TypedDict):
    """What is known of a model: arrays by path, settings by what they do, the structure as text."""

    answers: dict[str, np.ndarray]
    weights: dict[str, np.ndarray] | None
    optimizer: dict[str, np.ndarray] | None
    settings: dict[str, np.ndarray] | None
    structure: dict[str, np.ndarray] | None
    resumes: dict[str, np.ndarray] | None


Reload = Callable[[], Facts]


def flatten(structure: Any) -> dict[str, np.ndarray]:
    """The arrays of a nested structure by their path in it."""
    import keras

    return {"/".join(map(str, path)): np.asarray(leaf) for path, leaf in keras.tree.flatten_with_path(structure)}


def in_order(variables: Any) -> dict[str, np.ndarray]:
    """Variables by the end of their path, and which of those with this end they are: the beginning has counters that a
    reload may change, and a layer that is quantised after it was built lists its variables in another order."""
    ends = [getattr(variable, "path", variable.name).rsplit("/")[-1] for variable in variables]
    places = [f"{end} {ends[:at].count(end)}" for at, end in enumerate(ends)]
    return {place: np.asarray(variable) for place, variable in zip(places, variables, strict=True)}


def without_counters(path: str) -> str:
    """A path without the numbers by which Keras tells layers of one class apart."""
    return re.sub(r"_\d+(?=[/_:]|$)", "", path.removesuffix(":0"))


def keras_facts(model: Any, inputs: Any, targets: Any) -> Facts:
    import keras
    import tensorflow as tf

    graph = tf.function(lambda feed: model(feed, training=False), autograph=False)
    answers = graph(keras.tree.map_structure(tf.constant, inputs))
    optimizer_variables = getattr(getattr(model, "optimizer", None), "variables", [])  # none where it never trained
    facts = Facts(
        answers=flatten(answers),
        weights=in_order(model.weights),
        optimizer={f"{at}": np.asarray(each) for at, each in enumerate(optimizer_variables)},
        settings=None,
        structure=_structure(model),
        resumes=None,
    )
    if targets is not None and model.compiled:
        facts["settings"] = _settings(model, answers, targets)
        facts["resumes"] = _train_one_step(model, inputs, targets)
    return facts


def module_facts(module: Any, inputs: Any) -> Facts:
    import tensorflow as tf

    answers = flatten(module(tf.constant(inputs)))
    return Facts(
        answers=answers, weights=in_order(module.variables), optimizer=None, settings=None, structure=None, resumes=None
    )


def graph_facts(answers: dict[str, np.ndarray]) -> Facts:
    """What a runtime shows: the answers alone."""
    return Facts(answers=answers, weights=None, optimizer=None, settings=None, structure=None, resumes=None)


def _structure(model: Any) -> dict[str, np.ndarray] | None:
    """The config as text, with the names in it numbered as they come."""
    try:
        document = json.loads(model.to_json())
    except (NotImplementedError, TypeError, ValueError):
        return None
    document["config"].pop("name", None)  # of the model: for people alone
    config = json.dumps(_number_names(document, defaultdict(list)), sort_keys=True)
    kinds = [type(layer).__name__ for layer in model._flatten_layers(include_self=False)]
    facts = {"config": np.array(config), "layers": np.array(kinds), "parameters": np.array(model.count_params())}
    lookups = [layer for layer in model._flatten_layers(include_self=False) if hasattr(layer, "get_vocabulary")]
    words = {f"vocabulary {at}": np.array(layer.get_vocabulary()) for at, layer in enumerate(lookups)}
    return facts | words


def _number_names(part: Any, seen: dict[str, list[str]]) -> Any:
    """A config without what is left out, in which "dense_7" is the first, second ... of all that are called dense."""
    if isinstance(part, dict):
        return {key: _number_names(part[key], seen) for key in sorted(part) if key not in LEFT_OUT_OF_CONFIGS}
    if isinstance(part, list):
        return [_number_names(value, seen) for value in part]
    if not isinstance(part, str):
        return part
    base = re.sub(r"_\d+$", "", part)
    if part not in seen[base]:
        seen[base].append(part)
    return f"{base} {seen[base].index(part)}"


def _settings(model: Any, answers: Any, targets: Any) -> dict[str, np.ndarray]:
    """What loss and metrics give on fixed pairs, and every setting of the optimizer and of the training loop."""
    import keras

    def fix(tensor: Any) -> np.ndarray:
        shape = (ROWS, *tensor.shape[1:])
        return (0.5 + 0.4 * np.sin(np.arange(1, np.prod(shape) + 1))).reshape(shape).astype("float32")

    fixed = keras.tree.map_structure(fix, answers)
    for metric in model.metrics:
        metric.reset_state()
    scores = {"loss": np.asarray(model._compile_loss(targets, fixed))}
    scores |= {name: np.asarray(value) for name, value in model.compute_metrics(None, targets, fixed).items()}
    optimizer = {key: value for key, value in _read_config(model.optimizer).items() if key != "name"}
    words = {f"optimizer {key}": np.array(json.dumps(value, default=str)) for key, value in optimizer.items()}
    words |= {name: np.array(str(getattr(model, name))) for name in ("run_eagerly", "steps_per_execution")}
    return scores | words


def _read_config(optimizer: Any) -> dict[str, Any]:
    """The config of an optimizer; nothing where its schedule has none."""
    try:
        return dict(optimizer.get_config())
    except NotImplementedError:
        return {}


def _train_one_step(model: Any, inputs: Any, targets: Any) -> dict[str, np.ndarray]:
    """The weights after one more step, with random numbers begun anew."""
    import keras

    from tests.oracle.architectures import as_tensors

    keras.utils.set_random_seed(0)
    for variable in model.variables:
        if "seed_generator_state" in variable.path:
            variable.assign(np.zeros(variable.shape, variable.dtype))
    model.run_eagerly = True
    try:
        model.train_on_batch(as_tensors(inputs), targets)
    except ValueError as error:  # as after .h5, whose optimizer does not know the variables
        return {"a step": np.array(f"{error}"[:60])}
    return in_order(model.trainable_variables)


@lru_cache(maxsize=8)
def _original(module: str, function: str, arguments: tuple[Any, ...]) -> tuple[Facts, Any, Callable[[], Any]]:
    """The facts of the model itself, the model with its inputs and targets, and what builds it again."""
    build = getattr(import_module(module), function)
    built = build(*arguments)
    is_keras = hasattr(built.model, "count_params")
    facts = keras_facts(*built) if is_keras else module_facts(built.model, built.inputs)
    return facts, built, lambda: build(*arguments)


def judge(copy: Copy) -> Judgement:
    builder = (copy["builder"][0], copy["builder"][1], tuple(copy["builder"][2]))
    own, subject = 0.0, SOUND
    try:
        original = _original(*builder)[0]
        if copy["beside"]:
            beside = _sound(builder, copy["format"], copy["beside"])
            original, own = beside, compare_answers(original["answers"], beside["answers"])[1]
        subject = ""
        facts = _load(builder, copy["format"], copy["folder"])
        if copy["beside"] and copy["format"] in WITHOUT_NUMBERS:
            original, facts = _without_numbers(original), _without_numbers(facts)
    except Exception as error:  # noqa: BLE001  whatever a plain loader raises is what a person would meet
        words = f"{subject}{type(error).__name__}: {error}"[:300]
        nothing: dict[str, Any] = dict.fromkeys(PARTS)
        return Judgement(key=copy["key"], error=words, answers="none", max_abs=0.0, own=own, surplus=[], **nothing)
    answers, distance = compare_answers(original["answers"], facts["answers"])
    differences: dict[str, Any] = {
        part: list_differences(original[part], facts[part], part in ("settings", "resumes")) for part in PARTS
    }
    surplus = sorted(facts["answers"].keys() - original["answers"].keys())
    facts_of_answers: dict[str, Any] = {"answers": answers, "max_abs": distance, "own": own, "surplus": surplus}
    return Judgement(key=copy["key"], error="", **facts_of_answers, **differences)


def is_damaged(judgement: Judgement) -> bool:
    """Whether a copy is another than the sound one beside it, by more than that one's own deviation."""
    has_changed = judgement["answers"] not in ("identical", "none") and judgement["max_abs"] > judgement["own"]
    return bool(judgement["error"]) or has_changed or any(judgement[part] for part in PARTS)


def _load(builder: tuple[Any, ...], format_key: str, folder: str) -> Facts:
    from tests.oracle.plain_loaders import load_facts

    original, built, build = _original(*builder)
    return load_facts(format_key, Path(folder), built, build, original["answers"])


def _without_numbers(facts: Facts) -> Facts:
    """The facts of which no number of the weights is a part."""
    return Facts(answers={}, weights=None, optimizer=None, settings=None, structure=facts["structure"], resumes=None)


_sound = lru_cache(maxsize=16)(_load)


PARTS = ("weights", "optimizer", "settings", "structure", "resumes")


def compare_answers(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> tuple[str, float]:
    """ "identical", "rounding" or "changed", and the largest difference; inf where they cannot be held together.

    What the right side has more is not looked at here.
    """
    left = {name: _without_objects(array) for name, array in left.items()}
    right = {name: _without_objects(right[name]) for name in left if name in right}
    if left.keys() != right.keys() or any(left[name].shape != right[name].shape for name in left):
        return "changed", float("inf")
    if all(_is_identical(left[name], right[name]) for name in left):
        return "identical", 0.0
    pairs = [_as_floats(left[name], right[name]) for name in left]
    is_close = all(np.allclose(b, a, RTOL, ATOL, equal_nan=True) for a, b in pairs)
    with np.errstate(invalid="ignore"):
        distance = max(float(np.nan_to_num(np.abs(a - b), nan=np.inf).max(initial=0)) for a, b in pairs)
    return "rounding" if is_close else "changed", distance


def _is_identical(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether floats have the same bits in the dtype of the left ones; text and whole numbers are not cast to it."""
    if {left.dtype.kind, right.dtype.kind} & set("Sbiu"):
        return not _differ(left, right).any()
    return left.tobytes() == right.astype(left.dtype).tobytes()


def _differ(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Where two arrays, of whatever types, hold other values; text is never a number."""
    if (left.dtype.kind == "S") != (right.dtype.kind == "S"):
        return np.ones(left.shape, bool)
    return np.asarray(left != right)


def _without_objects(array: np.ndarray) -> np.ndarray:
    """Text as bytes of one width, in UTF-8; other arrays as they are."""
    if array.dtype.kind not in "UO":
        return array
    texts = [text.encode() if isinstance(text, str) else bytes(text) for text in array.ravel().tolist()]
    return np.array(texts, "S").reshape(array.shape)


def _as_floats(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays as float64: of complex numbers both parts, of text and whole numbers whether the right one is
    another; of pictures in bytes the levels, which say by how much."""
    kinds = left.dtype.kind + right.dtype.kind
    is_picture = left.dtype in (np.uint8, np.int8) and left.ndim >= 3
    if "S" in kinds or (kinds[0] in "biu" and not is_picture):
        return np.zeros(left.shape), _differ(left, right).astype("float64")
    if "c" in kinds:
        left, right = np.stack([left.real, left.imag]), np.stack([right.real, right.imag])
    return left.astype("float64"), right.astype("float64")


def list_differences(
    left: dict[str, np.ndarray] | None, right: dict[str, np.ndarray] | None, rounds: bool = False
) -> list[str] | None:
    """What is missing, what is more, and what has another value; None where one side says nothing."""
    if left is None or right is None:
        return None
    words = [f"{name} is missing" for name in left if name not in right]
    words += [f"{name} is more" for name in right if name not in left]
    for name in left.keys() & right.keys():
        a, b = left[name], right[name]
        is_same = a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        if rounds and a.shape == b.shape and a.dtype.kind == b.dtype.kind == "f":
            is_same = np.allclose(b.astype("float64"), a.astype("float64"), 1e-4, 1e-6, equal_nan=True)
        words += [] if is_same else [f"{name} is another"]
    return sorted(words)


def main() -> None:
    warnings.simplefilter("ignore")
    with open(sys.argv[1]) as file:
        copies = json.load(file)
    with open(sys.argv[2], "a") as reply:
        for copy in copies:
            reply.write(json.dumps(judge(copy)) + "\n")
            reply.flush()


if __name__ == "__main__":
    main()

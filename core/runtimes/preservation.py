"""What is looked at or saved stays as it was: a live model, and the program in which it lives.

Converters call a model symbolically, draw random names and numbers, print, warn, and leave notes in the objects that
they are given and files beside them.
"""

import io
import logging
import os
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.runtimes.base import Model
from core.runtimes.keras import kept_state_variables
from core.runtimes.model_kinds import ModelFile

Restore = Callable[[], None]
CALL_RECORDS = ("_inbound_nodes", "_outbound_nodes")  # attributes of a layer: Keras adds to them at each symbolic call
KERAS_COUNTERS = "object_name_uids"  # how many objects of each name this program has made: the next one is "dense_7"
KERAS_SEEDS = "global_seed_generator"


@contextmanager
def preserve_model(model: Model) -> Iterator[Callable[[], None]]:
    """Put a live model back at the end: values, flags, policies, compile settings and records of its calls.

    Values cost no memory: TensorFlow copies a variable's buffer only when it is written while someone else holds it.
    Of a tf.Module only the values are put back; its functions keep what they make at their first call.
    A model that another thread trains meanwhile keeps what it learned: only compile settings and records are put back.
    Training is seen by the optimizer's count of batches; whoever sees it otherwise calls what this yields.
    """
    if isinstance(model, ModelFile):
        yield lambda: None
        return
    steps, parts = training_steps(model), _keras_parts(model)
    with ExitStack() as records, ExitStack() as rest:
        for variable in _all_variables(model):
            rest.callback(_remember_value(variable))
        for part in parts:
            records.callback(_remember_records(part))
            rest.callback(_remember_attributes(part))
        for part in parts:
            _copy_records(part)
        try:
            yield lambda: _discard(rest)
        finally:
            if training_steps(model) != steps:
                _discard(rest)


def _discard(callbacks: ExitStack) -> None:
    """Forget what was to be called at the end."""
    callbacks.pop_all()


def watch_weights(model: Model) -> Callable[[], bool]:
    """A function that says whether any weight that is trained has other bits than now.

    As with `preserve_model`, values cost no memory until they are written.
    """
    import tensorflow as tf

    variables = list(getattr(model, "trainable_variables", None) or ())
    values = [tf.convert_to_tensor(variable) for variable in variables]
    return lambda: any(map(_is_changed, values, variables))


def _is_changed(value: Any, variable: Any) -> bool:
    """Whether a variable has other bits than a value of it."""
    import tensorflow as tf

    now = tf.convert_to_tensor(variable)
    if value.dtype.is_floating:  # NaN is no change from NaN
        integer = {2: tf.int16, 4: tf.int32, 8: tf.int64}.get(value.dtype.size, tf.int8)
        value, now = tf.bitcast(value, integer), tf.bitcast(now, integer)
    return value.shape != now.shape or bool(tf.reduce_any(tf.not_equal(value, now)))


def training_steps(model: Model) -> int | None:
    """How many batches a Keras model's optimizer was given; None where it has none. The public count is of updates, of
    which several batches share one where gradients are accumulated."""
    optimizer = getattr(model, "optimizer", None)
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    batches = getattr(inner, "_iterations", getattr(optimizer, "iterations", None))
    return None if batches is None else int(batches)


def _all_variables(model: Model) -> list[Any]:
    """Every variable that an answer or an exporter might move: weights, states, metrics, optimizer."""
    import keras

    groups = (model, getattr(model, "optimizer", None))
    states = kept_state_variables(model) if isinstance(model, keras.Model) else []
    owned = [variable for group in groups for variable in getattr(group, "variables", None) or ()]
    counted = getattr(model, "metrics_variables", ())
    return list({id(variable): variable for variable in (*owned, *states, *counted)}.values())


def _remember_value(variable: Any) -> Restore:
    import keras
    import tensorflow as tf

    value, is_trainable = tf.convert_to_tensor(variable), variable.trainable

    def restore() -> None:
        variable.assign(value)
        if isinstance(variable, keras.Variable):
            variable.trainable = is_trainable

    return restore


def _keras_parts(model: Model) -> list[Any]:
    """The model, its layers and operations at every depth, its optimizer and its compile settings."""
    import keras

    if not isinstance(model, keras.Model):
        return []
    layers = model._flatten_layers(include_self=True, recursive=True)
    operations = [part for layer in layers for part in (layer, *getattr(layer, "operations", ()))]
    owned = [vars(part).get(name) for part in operations for name in ("optimizer", "_compile_config")]
    return list({id(part): part for part in (*operations, *owned) if hasattr(part, "__dict__")}.values())


def _remember_attributes(part: Any) -> Restore:
    return partial(_refill, vars(part), dict(vars(part)))


def _remember_records(part: Any) -> Restore:
    return partial(vars(part).update, _records(part))


def _records(part: Any) -> dict[str, Any]:
    """What grows in place, or is cut in place: saving as .h5 takes the optimizer out of compile settings."""
    attributes = vars(part)
    records = {name: attributes[name] for name in CALL_RECORDS if name in attributes}
    return records | ({"config": attributes["config"]} if isinstance(attributes.get("config"), dict) else {})


def _copy_records(part: Any) -> None:
    """Let a part go on with copies, so that those of before stay as they are."""
    for name, record in _records(part).items():
        vars(part)[name] = dict(record) if isinstance(record, dict) else list(record)


@contextmanager
def preserve_program() -> Iterator[None]:
    """Put the program back at the end: random numbers, names, registered classes, folder, filters, environment.

    Meanwhile operations run at once, whatever graph the program is building.
    """
    from tensorflow.python.eager import context

    with ExitStack() as restores:
        restores.enter_context(context.eager_mode())
        restores.enter_context(warnings.catch_warnings())
        for remember in (
            _remember_system,
            _remember_loggers,
            _remember_python_seeds,
            _remember_tensorflow_seeds,
            _remember_keras,
        ):
            restores.callback(remember())
        yield


def _remember_system() -> Restore:
    folder, environment = os.getcwd(), dict(os.environ)

    def restore() -> None:
        os.chdir(folder)
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update({name: text for name, text in environment.items() if os.environ.get(name) != text})

    return restore


def _remember_loggers() -> Restore:
    """Converters give the root logger a handler, and then every logger of the program prints."""
    handlers = list(logging.root.handlers)
    loggers = [
        logging.root,
        *(item for item in logging.root.manager.loggerDict.values() if isinstance(item, logging.Logger)),
    ]
    levels = [logger.level for logger in loggers]

    def restore() -> None:
        logging.root.handlers[:] = handlers
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

    return restore


def _remember_python_seeds() -> Restore:
    state, numpy_state = random.getstate(), np.random.get_state()

    def restore() -> None:
        random.setstate(state)
        np.random.set_state(numpy_state)

    return restore


def _remember_tensorflow_seeds() -> Restore:
    from tensorflow.python.eager import context
    from tensorflow.python.ops import stateful_random_ops

    settings = vars(context.context())
    seeds = {name: settings.get(name) for name in ("_seed", "_rng")}  # of operations without a seed of their own
    state = seeds["_rng"].getstate() if seeds["_rng"] else None
    generator = stateful_random_ops.global_generator
    restore_generator = _remember_value(generator.state) if generator else None

    def restore() -> None:
        settings.update(seeds)
        if state:
            seeds["_rng"].setstate(state)
        if restore_generator:
            restore_generator()
        stateful_random_ops.global_generator = generator

    return restore


def _remember_keras() -> Restore:
    """Names, random numbers and registered classes of this program, and its policy for dtypes."""
    import keras
    from keras.src.backend.common import global_state
    from keras.src.saving import object_registration

    state = global_state.GLOBAL_STATE_TRACKER.__dict__
    seeds = state.get(KERAS_SEEDS)
    restore_seeds = _remember_value(seeds.state) if seeds else None
    counters = dict(state.get(KERAS_COUNTERS) or {})
    policy = keras.config.dtype_policy()
    tables = (object_registration.GLOBAL_CUSTOM_OBJECTS, object_registration.GLOBAL_CUSTOM_NAMES)
    registered = [dict(table) for table in tables]

    def restore() -> None:
        keras.config.set_dtype_policy(policy)
        _put_back(state, KERAS_SEEDS, seeds)
        if restore_seeds:
            restore_seeds()
        if (counted := state.get(KERAS_COUNTERS)) is not None:
            _refill(counted, counters)
        for table, entries in zip(tables, registered, strict=True):
            _refill(table, entries)

    return restore


def _put_back(state: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        state.pop(name, None)
    else:
        state[name] = value


def _refill(table: dict[Any, Any], entries: dict[Any, Any]) -> None:
    """Put the entries of before back into a table, which is never without them: other threads read it."""
    table.update(entries)
    for name in list(table):
        if name not in entries:
            table.pop(name, None)


@contextmanager
def silence_converters(folder: Path) -> Iterator[None]:
    """Hold back prints, warnings and logs; keep temporary files in `folder`, where they are deleted at the end.

    What the converter's own C++ says still goes to the standard error of the process, which no page shows.
    """
    tempdir, disabled = tempfile.tempdir, logging.root.manager.disable
    with tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-", ignore_cleanup_errors=True) as own:
        try:
            tempfile.tempdir = own
            logging.disable(logging.ERROR)
            with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")
                yield
        finally:
            tempfile.tempdir = tempdir
            logging.disable(disabled)

"""Models that Hypothesis draws from a grammar over the layer table: towers of layers, nested, shared, with heads.

What is drawn is a plan, plain data from which any process builds the same model. Nothing of `core` is imported.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.oracle.architectures import ROWS, Built, train
from tests.oracle.layer_table import LAYERS, SEQUENCE, UNIT_IMAGE, VECTOR, Inner, InputRow, draw_rows, make_layer

# Rows of the layer table that can follow one another, since what they give is of the rank that they take.
STEPS = {
    "vector": "Dense Dropout ELU LeakyReLU PReLU ReLU Softmax UnitNormalization BatchNormalization LayerNormalization "
    "RMSNormalization Activation ActivityRegularization GaussianNoise EinsumDense Rescaling SpectralNormalization",
    "sequence": "Conv1D Conv1DTranspose SeparableConv1D TimeDistributed LSTM GRU SimpleRNN Bidirectional ZeroPadding1D "
    "UpSampling1D SpatialDropout1D LayerNormalization BatchNormalization Dense",
    "image": "Conv2D Conv2DTranspose SeparableConv2D DepthwiseConv2D MaxPooling2D AveragePooling2D ZeroPadding2D "
    "UpSampling2D SpatialDropout2D BatchNormalization PReLU Activation",
    "ids": "Conv1D LSTM GRU Bidirectional LayerNormalization Dense",
}
INPUTS = {"vector": VECTOR, "sequence": SEQUENCE, "image": UNIT_IMAGE, "ids": InputRow((5,), "ids")}
PADDED = InputRow((6, 3), "steps")
# What a row is given beside its own config, so that steps stay a sequence and small images stay large enough.
ALSO: dict[str, dict[str, Any]] = {
    **{name: {"return_sequences": True} for name in ("LSTM", "GRU", "SimpleRNN")},
    "Bidirectional": {"layer": Inner("GRU", {"units": 2, "return_sequences": True})},
    **{name: {"padding": "same"} for name in ("Conv1D", "Conv2D", "MaxPooling2D", "AveragePooling2D")},
}
JOINS = ["Add", "Average", "Maximum", "Multiply", "Concatenate", "Subtract"]
LOSSES = ("MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh")
OPTIMIZERS = ("Adam", "SGD", "RMSprop")
SIZE = 3  # of every tower's answer, and of every head
Plan = dict[str, Any]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """What `build_drawn` makes a model of.

    "towers" are lists of layers, each on an input of its own, or all with the "shared" layers of the first; "nested"
    says how many models are around a tower; "twice" that one layer stands in two places; "state" that the state of a
    recurrent layer is an output; "heads" how many outputs of one shape there are, as a list or by name.
    """
    kind = draw(st.sampled_from(list(STEPS)))
    steps = st.lists(st.sampled_from(STEPS[kind].split()), min_size=1, max_size=3)
    count = draw(st.integers(1, 2))
    return {
        "kind": kind,
        "towers": [draw(steps) for _ in range(count)],
        "shared": draw(st.booleans()),
        "join": draw(st.sampled_from(JOINS)),
        "masked": draw(st.booleans()),
        "nested": draw(st.integers(0, 2)),
        "twice": draw(st.booleans()),
        "state": draw(st.booleans()),
        "heads": draw(st.integers(1, 3)),
        "named": draw(st.booleans()),
        "loss": draw(st.sampled_from(LOSSES)),
        "optimizer": draw(st.sampled_from(OPTIMIZERS)),
        "seed": draw(st.integers(0, 99)),
    }


def draw_plans(count: int, number: int) -> list[str]:
    """So many different plans as JSON, the same for the same number."""
    drawn: dict[str, None] = {}
    relaxed = settings(
        max_examples=4 * count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @relaxed
    @seed(number)
    @given(plans())
    def collect(plan: Plan) -> None:
        drawn[json.dumps(plan)] = None

    collect()
    apart = list(drawn)[::-1][:: len(drawn) // count]  # neighbours are much alike, and the first ones the simplest
    return apart[:count]


def build_drawn(text: str) -> Built:
    """The model of a plan, compiled and trained one step, with its inputs and targets."""
    import keras

    plan: Plan = json.loads(text)
    keras.utils.set_random_seed(plan["seed"])
    ends = [keras.Input(_row(plan).shape, dtype=_row(plan).dtype, name=f"in_{at}") for at in range(len(plan["towers"]))]
    towers = [_Tower(plan, steps, at) for at, steps in enumerate(plan["towers"])]
    applied = [towers[0] if plan["shared"] else tower for tower in towers]
    features = [tower.apply(end) for tower, end in zip(applied, ends, strict=True)]
    joined = getattr(keras.layers, plan["join"])(name="join")(features) if len(features) > 1 else features[0]
    if plan["twice"]:
        again = keras.layers.Dense(joined.shape[-1], "tanh", name="again")
        joined = again(again(joined))
    heads = {f"head_{at}": keras.layers.Dense(SIZE, name=f"head_{at}")(joined) for at in range(plan["heads"])}
    if plan["state"] and applied[0].states:
        heads["state"] = applied[0].states[0]
    targets: Any = {name: np.ones((ROWS, SIZE), "float32") for name in heads}
    model = keras.Model(_one_or_all(ends), heads if plan["named"] else _one_or_all([*heads.values()]), name="drawn")
    losses: Any = {name: getattr(keras.losses, plan["loss"])() for name in heads}
    inputs = [draw_rows(np.random.default_rng(plan["seed"] + at), _row(plan)) for at in range(len(ends))]
    optimizer = getattr(keras.optimizers, plan["optimizer"])(0.01)
    if not plan["named"]:
        targets, losses = (_one_or_all([*each.values()]) for each in (targets, losses))
    return train(model, _one_or_all(inputs), targets, optimizer, losses)


def _row(plan: Plan) -> InputRow:
    return PADDED if plan["kind"] == "sequence" and plan["masked"] else INPUTS[plan["kind"]]


def _one_or_all(items: list[Any]) -> Any:
    return items if len(items) > 1 else items[0]


class _Tower:
    """Layers from an input to one vector, inside as many models as the plan says; applied again, they are shared."""

    def __init__(self, plan: Plan, steps: list[str], at: int):
        import keras

        self.states: list[Any] = []
        self._layers = list(_make_layers(plan, steps))
        self._outer: Any = None
        for depth in range(plan["nested"]):
            end = keras.Input(_row(plan).shape, dtype=_row(plan).dtype, name=f"tower_{at}_in_{depth}")
            self._outer = keras.Model(end, self._run(end), name=f"tower_{at}_{depth}")

    def apply(self, end: Any) -> Any:
        features, *self.states = self._run(end)
        return features

    def _run(self, features: Any) -> list[Any]:
        """The vector, and the state of a recurrent layer where the plan wants it."""
        answer = self._outer(features) if self._outer else features
        for layer in [] if self._outer else self._layers:
            answer = layer(answer)
        return list(answer) if isinstance(answer, (list, tuple)) else [answer]


def _make_layers(plan: Plan, steps: list[str]) -> Iterator[Any]:
    import keras

    kinds = keras.layers
    if plan["kind"] == "ids":
        yield kinds.Embedding(8, 3, mask_zero=plan["masked"])
    elif plan["kind"] == "sequence" and plan["masked"]:
        yield kinds.Masking()
    for name in steps:
        yield make_layer(name, {**LAYERS[name].config, **ALSO.get(name, {})})
    if plan["kind"] in ("sequence", "ids") and plan["state"]:
        yield kinds.GRU(SIZE, return_state=True)
        return
    if plan["kind"] != "vector":
        yield kinds.GlobalAveragePooling2D() if plan["kind"] == "image" else kinds.GlobalMaxPooling1D()
    yield kinds.Dense(SIZE)

"""What a child tells of an untrusted file is taken for no more than it may be."""

import pytest

from core.errors import WorkerError
from core.evidence.fingerprint_matching import MAX_TEXT_LENGTH
from core.introspection.sandboxed_reading import LoadedModelReply, validate_reply
from core.runtimes.traits import validate_traits
from core.worker.child_errors import INVALID_REPLY
from core.worker.tasks.probes import validate_probes

VALID_REPLY = {
    "kind": "onnx",
    "parameters": 2,
    "summary": "",
    "inputs": [{"name": "x", "dtype": "float32", "shape": [None, 2]}, {"name": "y", "dtype": "object", "shape": None}],
    "weight_bytes": 8,
    "not_finite": {},
    "weights": [{"name": "w", "dtype": "float32", "shape": [2], "sha256": "0" * 64}],
    "optimizer": [],
    "traits": {},
    "remark": "r" * 5000,
    "signatures": ["s" * 300],
}
INVALID_FIELDS = {
    "another kind": {"kind": "pickle"},
    "fewer than none": {"parameters": -1},
    "more than can be": {"weight_bytes": 2**63},
    "an axis of less than nothing": {"inputs": [{"name": "x", "dtype": "float32", "shape": [None, -1]}]},
    "an axis of text": {"inputs": [{"name": "x", "dtype": "float32", "shape": ["many"]}]},
    "a name of a page": {"inputs": [{"name": "x" * (MAX_TEXT_LENGTH + 1), "dtype": "float32", "shape": [None]}]},
    "a hash that is none": {"weights": [{"name": "w", "dtype": "float32", "shape": [2], "sha256": "../x"}]},
    "a tensor of less than nothing": {
        "weights": [{"name": "w", "dtype": "float32", "shape": [-2], "sha256": "0" * 64}]
    },
    "too many signatures": {"signatures": ["s"] * 1001},
    "text for a list": {"optimizer": "none"},
}


TRAITS = {
    "architecture": "0" * 64,
    "unnamed_architecture": None,
    "forgotten": ["Scale: factor"],
    "layers": ["Dense"],
    "settings": {"compile": {"loss": "mse"}, "layers": {}, "behaviour": {"loss": [1.5, "nan"]}, "omitted": {}},
    "sharing": {"dense": 2},
    "masks": [],
    "compile": "1" * 64,
    "compile_words": "SGD",
    "policies": ["float32"],
    "vocabularies": {"words": "3 words, 0123"},
    "outputs": ["y"],
}
PROBES = {
    "batches": {"1": "", "7": "it failed"},
    "repeats": 0.0,
    "mutant": {"rows": 8, "ulp_share": 1e-7, "percent_share": 0.01},
    "step": {"weights": VALID_REPLY["weights"]},
}


def test_validate_traits_and_probes_drop_what_is_no_part_of_them():
    assert validate_traits(TRAITS | {"more": "dropped"}) == TRAITS
    assert validate_traits({}) == {}
    assert validate_probes(PROBES | {"more": "dropped"}) == PROBES


FORGED_TRAITS = {
    "architecture": ("../x", 7),
    "unnamed_architecture": ("x" * 64, ["x"]),
    "forgotten": (None, [7]),
    "layers": ("Dense", {"x": "Dense"}),
    "settings": (None, {"behaviour": {"loss": 1.5}}),
    "sharing": ({"dense": -1}, {"dense": "often"}),
    "masks": (["x", None], 7),
    "compile": ("sgd", {}),
    "compile_words": (None, ["SGD"]),
    "policies": ("float32", [None]),
    "vocabularies": ({"words": 3}, ["words"]),
    "outputs": (None, [["y"]]),
}


@pytest.mark.parametrize("trait", TRAITS)
def test_validate_reply_with_forged_trait_raises_worker_error(trait):
    for forged in FORGED_TRAITS[trait]:
        with pytest.raises(WorkerError, match=INVALID_REPLY):
            validate_reply(LoadedModelReply, VALID_REPLY | {"traits": TRAITS | {trait: forged}})


@pytest.mark.parametrize("trait", TRAITS)
def test_validate_reply_with_trait_left_out_raises_worker_error(trait):
    traits = {name: value for name, value in TRAITS.items() if name != trait}
    with pytest.raises(WorkerError, match=INVALID_REPLY):
        validate_reply(LoadedModelReply, VALID_REPLY | {"traits": traits})


@pytest.mark.parametrize(
    "lie",
    [{"batches": {"2": ""}}, {"batches": ["1"]}, {"repeats": "x"}, {"mutant": {}}, {"step": {"weights": [{}]}}],
    ids=repr,
)
def test_validate_probes_that_are_forged_raises_value_error(lie):
    with pytest.raises(ValueError, match="validation error"):
        validate_probes(PROBES | lie)


def test_validate_model_reply_truncates_long_text():
    reply = validate_reply(LoadedModelReply, VALID_REPLY | {"more": "passed over"})
    assert reply.run_facts()["inputs"] == VALID_REPLY["inputs"]
    assert reply.run_facts() == {
        name: item for name, item in VALID_REPLY.items() if name not in ("remark", "signatures")
    }
    assert (reply.remark, reply.signatures) == ("r" * MAX_TEXT_LENGTH, ["s" * 200])


@pytest.mark.parametrize("lie", INVALID_FIELDS.values(), ids=list(INVALID_FIELDS))
def test_validate_model_reply_with_invalid_field_raises_worker_error(lie):
    with pytest.raises(WorkerError) as caught:
        validate_reply(LoadedModelReply, VALID_REPLY | lie)
    assert (type(caught.value), caught.value.sentence) == (WorkerError, INVALID_REPLY)
    assert caught.value.detail == "1 facts do not fit"

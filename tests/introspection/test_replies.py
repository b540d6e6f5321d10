"""What a child tells of an untrusted file is taken for no more than it may be."""

import pytest

from core.errors import WorkerError
from core.introspection.replies import MAX_TEXT_LENGTH, LoadedModelReply, validate_reply
from core.worker.child_errors import INVALID_REPLY

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

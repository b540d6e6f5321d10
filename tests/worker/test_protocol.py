"""What comes over the wire from a child, which is untrusted."""

import io
import json
import socket
import subprocess
import sys

import numpy as np
import pytest

from core.errors import ChildDied, TooMuchToSend, WorkerError
from core.settings import Settings
from core.worker import Child
from core.worker.child_errors import describe_exit
from core.worker.protocol import HEAD, FrameLimit, read_frame, write_frame
from tests.helpers import wait_until


def child_sending(data: bytes, limit_mb: int = 1) -> Child:
    """A child whose whole reply is `data`: a real process that says it and hangs up."""
    code = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(data)
    process.stdin.close()

    def hang_up() -> None:
        process.kill()
        process.wait()
        process.stdout.close()

    return Child(process.stdout, io.BytesIO(), hang_up, Settings(reply_mb=limit_mb), process.pid)


def encode_reply(message: dict, arrays: dict | None = None) -> bytes:
    stream = io.BytesIO()
    write_frame(stream, message, arrays)
    return stream.getvalue()


def encode_raw_reply(text: bytes, arrays: bytes = b"") -> bytes:
    return HEAD.pack(len(text), len(arrays)) + text + arrays


def array_list_json(*listed: list) -> bytes:
    """The JSON of a reply with these arrays: [name, dtype, shape] each."""
    return json.dumps({"ok": {}, "@arrays": listed}).encode()


INVALID_REPLIES = {
    "nothing": (b"", "it hung up without a reply"),
    "half a header": (b"\0\0\0", "the reply of a child broke off"),
    "half a frame": (encode_reply({"ok": {"rows": 3}})[:-4], "the reply of a child broke off"),
    "half the arrays": (encode_reply({"ok": {}}, {"y": np.ones(9)})[:-4], "the reply of a child broke off"),
    "no JSON": (encode_raw_reply(b"hello"), "the reply of a child makes no sense"),
    "JSON that is no object": (encode_raw_reply(b"[1, 2]"), "the reply of a child makes no sense"),
    "text that is no UTF-8": (encode_raw_reply(b"\xff\xfe{}"), "the reply of a child makes no sense"),
    "arrays that are not listed": (encode_raw_reply(b'{"ok": {}}', bytes(16)), "the reply of a child makes no sense"),
    "fewer bytes than listed": (
        encode_raw_reply(array_list_json(["y", "<f8", [3]]), bytes(16)),
        "the reply of a child makes no sense",
    ),
    "more bytes than listed": (
        encode_raw_reply(array_list_json(["y", "<f8", [1]]), bytes(32)),
        "the reply of a child makes no sense",
    ),
    "a shape below zero": (
        encode_raw_reply(array_list_json(["y", "<f8", [-1, -1]]), bytes(16)),
        "the reply of a child makes no sense",
    ),
    "a shape of a trillion": (
        encode_raw_reply(array_list_json(["y", "<f8", [2**40]]), bytes(16)),
        "the reply of a child makes no sense",
    ),
    "a shape of words": (
        encode_raw_reply(array_list_json(["y", "<f8", ["2"]]), bytes(16)),
        "the reply of a child makes no sense",
    ),
    "a dtype that is none": (
        encode_raw_reply(array_list_json(["y", "float", []]), bytes(0)),
        "the reply of a child makes no sense",
    ),
    "arrays of objects": (
        encode_raw_reply(array_list_json(["y", "|O", [2]]), bytes(16)),
        "the reply of a child makes no sense",
    ),
    "a listing that is none": (
        encode_raw_reply(b'{"ok": {}, "@arrays": [1]}', bytes(16)),
        "the reply of a child makes no sense",
    ),
    "an end with status 0": (encode_reply({"exit": 0, "said": "bye"}), "it stopped with status 0"),
}


@pytest.mark.parametrize(("data", "how"), INVALID_REPLIES.values(), ids=INVALID_REPLIES.keys())
def test_invalid_reply_raises_child_died(data, how):
    with child_sending(data) as child, pytest.raises(ChildDied) as caught:
        child.request("reload", seconds=20)
    assert caught.value.sentence == f"The process that held the model ended before it answered: {how}."


@pytest.mark.parametrize(
    ("data", "limit", "cure"),
    [
        (encode_reply({"ok": {}}, {"y": np.zeros(2**20)}), "1", "Choose fewer rows, or raise ROUNDTRIP_REPLY_MB."),
        (HEAD.pack(2**32 - 1, 2**63), "16.8", "Choose fewer rows."),
    ],
    ids=["arrays", "a header that claims the moon"],
)
def test_reply_over_limit_is_too_much_to_send_and_names_setting(data: bytes, limit: str, cure: str):
    with child_sending(data) as child, pytest.raises(TooMuchToSend) as caught:
        child.request("reload", seconds=20)
    assert caught.value.sentence == f"The reply of a child is larger than the {limit} MB that it may have."
    assert caught.value.cure == cure


def test_streams_of_a_child_are_closed_though_an_error_refers_to_them():
    process = subprocess.Popen([sys.executable, "-c", "print('x' * 100)"], stdout=subprocess.PIPE)
    requests = io.BytesIO()
    with Child(process.stdout, requests, process.kill, Settings(), process.pid) as child, pytest.raises(TooMuchToSend):
        child.request("reload", seconds=20)
    wait_until(lambda: process.stdout.closed and requests.closed)
    process.wait()


def test_child_died_error_holds_last_stderr_and_signal():
    with (
        child_sending(encode_reply({"exit": -11, "said": "Fatal Python error"})) as child,
        pytest.raises(ChildDied) as caught,
    ):
        child.request("reload", seconds=20)
    assert caught.value.detail == "Fatal Python error"
    assert "SIGSEGV" in caught.value.sentence


def test_valid_reply_keeps_message_and_array_order():
    arrays = {"b": np.arange(3), "a": np.array([b"x", b"yz"])}
    with child_sending(encode_reply({"ok": {"n": 1}}, arrays)) as child:
        frame = child.request("reload", seconds=20)
    assert frame.message == {"n": 1}
    assert {name: array.tolist() for name, array in frame.arrays.items()} == {"b": [0, 1, 2], "a": [b"x", b"yz"]}
    assert list(frame.arrays) == ["b", "a"]


@pytest.mark.parametrize(
    ("array", "args", "error"),
    [(np.array([{}], dtype=object), {}, ValueError), (np.zeros(1), {"x": object()}, TypeError)],
)
def test_unencodable_request_raises_and_child_stays_usable(worker, array, args, error):
    with worker.open() as child:
        with pytest.raises(error):
            child.request("predict", arrays={"x": array}, seconds=60, **args)
        with pytest.raises(WorkerError, match="before anything was loaded"):
            child.request("predict", arrays={"x": np.zeros((1, 1))}, seconds=60)


def test_write_frame_with_nan_in_message_raises_value_error():
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_reply({"ok": {"loss": float("nan")}})


def test_write_frame_with_objects_raises():
    with pytest.raises(TypeError, match="object does not go into a frame"):
        encode_reply({"ok": {"model": object()}})
    with pytest.raises(ValueError, match="Object arrays cannot be sent"):
        encode_reply({"ok": {}}, {"y": np.array([{}], dtype=object)})


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="int8").reshape(2, 3),
        np.array(2.5),
        np.zeros((0, 4), "float32"),
        np.arange(12.0).reshape(3, 4).T,
        np.array([["é", "", "日本"]]),
        np.array([True, False]),
        np.array([np.nan, np.inf, -0.0], "float16"),
    ],
    ids=str,
)
def test_arrays_in_frame_round_trip_bit_identical_and_writable(array):
    frame = read_frame(io.BytesIO(encode_reply({"ok": {}}, {"odd": np.ones(3, "int8"), "y": array})), FrameLimit(2**20))
    came = frame.arrays["y"]
    assert (came.dtype, came.shape, came.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert came.flags.writeable
    assert came.flags.aligned


def test_numpy_scalars_become_plain_numbers():
    frame = read_frame(io.BytesIO(encode_reply({"ok": {"n": np.int64(3), "x": np.float32(0.5)}})))
    assert frame.message == {"ok": {"n": 3, "x": 0.5}}


def test_read_frame_at_end_of_stream_returns_none():
    left, right = socket.socketpair()
    with left, right.makefile("rb") as stream:
        right.close()
        left.close()
        assert read_frame(stream) is None


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "it stopped with status 0"),
        (3, "it stopped with status 3"),
        (-9, "it was ended by the system with SIGKILL"),
        (-99, "it was ended by signal 99"),
    ],
)
def test_describe_exit_explains_every_status(status, words):
    assert describe_exit(status) == words

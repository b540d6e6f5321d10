"""A session of our server over its websocket: the messages of a browser, without a browser."""

import re
import time
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Markdown_pb2 import Markdown
from streamlit.proto.TextInput_pb2 import TextInput
from websockets.asyncio.client import ClientConnection, connect

SUCCEEDED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
ENDED = (*SUCCEEDED, ForwardMsg.FINISHED_WITH_COMPILE_ERROR)


class Box(NamedTuple):
    """A checkbox: its id, and that of the fragment in which it stands, empty where it stands in none."""

    id: str
    fragment: str


class Session:
    """One visitor of one page, with the latest elements that the page sent."""

    def __init__(self, connection: ClientConnection, page: str, query: str):
        self._connection = connection
        self._page, self._query, self._script = page, query, ""
        self._texts: dict[str, TextInput] = {}
        self._typed: dict[str, str] = {}
        self._boxes: dict[str, Box] = {}
        self._ticked: dict[str, bool] = {}
        self._captions: list[str] = []

    @classmethod
    async def visit(cls, url: str, page: str, query: str = "") -> Self:
        """Open a page of the server at `url`, and wait until its script has ended."""
        address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
        session = cls(await connect(address, subprotocols=["streamlit"], origin=url, max_size=None), page, query)
        await session._run()
        return session

    async def type(self, label: str, words: str) -> float:
        """Type into the text field of that label; returns seconds until the script has ended. Raises KeyError."""
        field = self._texts[label]
        self._typed[field.id] = words
        if field.query_param_key:  # a browser keeps the address in step
            request = dict(parse_qsl(self._query)) | {field.query_param_key: words}
            self._query = urlencode({name: value for name, value in request.items() if value})
        started = time.perf_counter()
        await self._run()
        return time.perf_counter() - started

    async def rerun(self) -> float:
        """Run the page again, as it is after any click; returns seconds until the script has ended."""
        started = time.perf_counter()
        await self._run()
        return time.perf_counter() - started

    async def tick(self, label: str) -> float:
        """Tick the checkbox of that label, or untick it; returns seconds until the script has ended. Raises KeyError.

        As in a browser, nothing but the fragment in which it stands is run again.
        """
        box = self._boxes[label]
        self._ticked[box.id] = not self._ticked.get(box.id, False)
        started = time.perf_counter()
        await self._run(box.fragment)
        return time.perf_counter() - started

    def number(self, pattern: str) -> int | None:
        """Return the number that the first group of `pattern` matches in the last such caption, or None."""
        for text in reversed(self._captions):
            if match := re.match(pattern, text):
                return int(match[1].replace(",", ""))
        return None

    async def close(self) -> None:
        await self._connection.close()

    async def _run(self, fragment: str = "") -> None:
        """Run the page's script, or a fragment of it, with what was typed and ticked so far.

        Raises RuntimeError unless it finishes successfully.
        """
        back = BackMsg()
        back.rerun_script.query_string = self._query
        back.rerun_script.page_script_hash = self._script
        back.rerun_script.page_name = "" if self._script else self._page
        back.rerun_script.fragment_id = fragment
        for id_, words in self._typed.items():
            back.rerun_script.widget_states.widgets.add(id=id_, string_value=words)
        for id_, is_ticked in self._ticked.items():
            back.rerun_script.widget_states.widgets.add(id=id_, bool_value=is_ticked)
        self._captions = []
        await self._connection.send(back.SerializeToString())
        while (message := await self._next()).WhichOneof("type") != "script_finished" or (
            message.script_finished not in ENDED
        ):
            self._take(message)
        if message.script_finished not in SUCCEEDED:
            raise RuntimeError(f"The script of {self._page} did not run")

    async def _next(self) -> ForwardMsg:
        return ForwardMsg.FromString(await self._connection.recv())

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self._script = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._hold(message.delta)

    def _hold(self, delta: Delta) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "text_input":
            self._texts[element.text_input.label] = element.text_input
        elif kind == "checkbox":
            self._boxes[element.checkbox.label.strip("*")] = Box(element.checkbox.id, delta.fragment_id)
        elif kind == "markdown" and element.markdown.element_type == Markdown.CAPTION:
            self._captions.append(element.markdown.body)

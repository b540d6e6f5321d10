"""The control with which files are sent, in pieces: paused, resumed, and gone on with after a reload."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st
from pydantic import BaseModel, ValidationError

from core.errors import InputError, UnknownName
from core.text.numbers import format_size
from core.uploads import NamedFile, Uploads
from ui.browser_component import BUTTON, load_component
from ui.routes.urls import upload_url
from ui.session import current_jobs
from ui.streamlit_internals import TOKEN_COOKIE

HERE = Path(__file__).parent
_UPLOADER = load_component(HERE, "uploader", BUTTON, HERE / "file_upload.js")


class SentFiles(BaseModel):
    """What the control tells: ids of the files that have come whole, in order, and how many are on their way."""

    whole: list[str] = []
    pending: int = 0


class ChosenFiles(NamedTuple):
    """The files that have come whole, their ids, and how many are on their way."""

    files: list[NamedFile]
    ids: list[str]
    pending: int = 0


def choose_files(
    label: str, key: str, *, suffixes: Sequence[str] = (), many: bool = True, help_: str = ""
) -> ChosenFiles:
    """Show the control; returns what has been sent with it and was not used yet.

    Args:
        label: What is to be chosen; it is read out.
        key: Of the control; another one with the same key shows the same files.
        suffixes: Endings of the names that are taken, without a dot; none for any.
        many: Whether several files can be chosen.
        help_: Stands below, after the limits.
    """
    uploads, generation = current_jobs().uploads, _generation(key)
    widget_key = f"{key}-{generation}"
    sent = _read_sent(widget_key)
    chosen = _find_files(uploads, sent)
    data = {"key": key, "generation": generation, "label": label, "suffixes": list(suffixes), "help": help_}
    data |= _server_facts(uploads, many)
    data |= {"files": sent.model_dump(), "gone": [id_ for id_ in sent.whole if id_ not in chosen.ids]}
    _UPLOADER(key=widget_key, data=data, default={"files": SentFiles().model_dump()}, on_files_change=lambda: None)
    return chosen


def _server_facts(uploads: Uploads, many: bool) -> dict[str, Any]:
    """Return what the control must know of this server: its limits, and where and with which token it sends."""
    return {
        "many": many,
        "limits": f"Up to {format_size(uploads.max_bytes)}{' each' if many else ''}.",
        "tooLarge": f"It is larger than the {format_size(uploads.max_bytes)} that can be sent.",
        "bytes": uploads.max_bytes,
        "address": upload_url(),
        "cookie": TOKEN_COOKIE,
    }


def forget_files(key: str, chosen: ChosenFiles) -> None:
    """Delete files that were used, and show the control with this key empty when the page runs again."""
    current_jobs().uploads.discard(chosen.ids)
    st.session_state[_generation_key(key)] = _generation(key) + 1


def _generation(key: str) -> int:
    return st.session_state.get(_generation_key(key), 0)


def _generation_key(key: str) -> str:
    return f"{key}-generation"


def _read_sent(widget_key: str) -> SentFiles:
    """Return what the browser told, which can be anything. Raises InputError."""
    state = st.session_state.get(widget_key) or {}
    try:
        return SentFiles.model_validate(state.get("files") or {})
    except ValidationError as error:
        cure = "Reload the page, then choose the files again."
        raise InputError("The browser sent something that is no list of files.", cure=cure) from error


def _find_files(uploads: Uploads, sent: SentFiles) -> ChosenFiles:
    files, ids = [], []
    for id_ in sent.whole:
        try:
            files += uploads.find_files([id_])
            ids.append(id_)
        except UnknownName:  # used, removed or expired
            continue
    return ChosenFiles(files, ids, sent.pending)

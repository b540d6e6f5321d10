"""Translation of foreign exceptions into ours, in plain words; the foreign text goes into `detail`."""

import contextlib
import errno
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import CannotSave, DoesNotLoad, InputError, NotBuilt, RoundtripError, StorageFailed, TooLarge
from core.known_errors import OUT_OF_MEMORY, OUT_OF_MEMORY_CURE, find_known_line, match_known_error
from core.known_service_errors import DATABASE_ERRORS, NO_ACCOUNT, NO_ADDRESS, NPM_ERRORS, STORE_ERRORS, UV_ERRORS

DETAIL_LIMIT = 4000  # characters of foreign text that are kept
FREE_SPACE = "Free some space, then try again; nothing half written is left."
MOVE_HOME = "Set ROUNDTRIP_HOME to a folder that can be written."
STORAGE_ERRORS = {
    errno.ENOSPC: ("The disk is full.", FREE_SPACE),
    errno.EDQUOT: ("The disk quota is used up.", FREE_SPACE),
    errno.EROFS: ("The library lies on a read-only disk.", MOVE_HOME),
    errno.EACCES: ("The library may not be written here.", MOVE_HOME),
    errno.EPERM: ("The library may not be written here.", MOVE_HOME),
    errno.ENOTDIR: ("A file lies where the library needs a folder.", MOVE_HOME),
    errno.EMFILE: ("This process has too many files open.", "Close other work, then try again."),
    errno.ENFILE: ("This computer has too many files open.", "Close other programs, then try again."),
    errno.ENOMEM: ("This computer has no memory left.", "Close other programs, then try again."),
    errno.EIO: ("The disk reported an error.", "Check the disk, then try again."),
    errno.ESTALE: ("The disk in the network was replaced or is gone.", "Mount it again, then try again."),
}
# Libraries put the system's message into errors of their own; these messages mean only that the disk refused.
STORAGE_ERROR_TEXTS = {
    os.strerror(number): number for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE)
}
FALLBACK_CURES: dict[type[RoundtripError], str] = {
    CannotSave: "Read the details, or choose another format.",
    DoesNotLoad: "Read the details; if the model has code of its own, load it with that code.",
}


def translate(
    error: BaseException, default_type: type[RoundtripError], hidden_paths: Iterable[str] = ()
) -> RoundtripError:
    """Translate a foreign exception into one of ours; ours are returned unchanged.

    Args:
        error: Any exception.
        default_type: The class of the result unless the storage or the memory failed.
        hidden_paths: Cut out of the texts of the result, as are the folders that an OSError names.
    """
    if isinstance(error, RoundtripError):
        return error
    if isinstance(error, MemoryError):
        return TooLarge(OUT_OF_MEMORY, cure=OUT_OF_MEMORY_CURE)
    text = _clean_message(error, hidden_paths)
    if isinstance(error, OSError) and error.errno in STORAGE_ERRORS:
        sentence, cure = STORAGE_ERRORS[error.errno]
        return StorageFailed(sentence, cure=cure, detail=text)
    if storage_error := find_storage_error(text):
        return storage_error
    fallback = _fallback_sentence(text), FALLBACK_CURES.get(default_type, "Read the details, then try again.")
    sentence, cure = match_known_error(text) or fallback
    kind = TooLarge if sentence == OUT_OF_MEMORY else default_type  # a limit says nothing of the model
    return kind(sentence, cure=cure, detail=f"{type(error).__name__}: {text}")


@contextlib.contextmanager
def translated(default_type: type[RoundtripError], hidden_paths: Iterable[str] = ()) -> Iterator[None]:
    """Raise whatever exception leaves the block as one of ours (see `translate`)."""
    try:
        yield
    except Exception as error:
        raise translate(error, default_type, hidden_paths) from error


def find_storage_error(text: str) -> StorageFailed | None:
    """Return the error for a foreign text that says that the disk refused, else None.

    Only the system's message goes into `detail`: the text may name any file of this machine.
    """
    message = next((message for message in STORAGE_ERROR_TEXTS if message in text), None)
    if message is None:
        return None
    sentence, cure = STORAGE_ERRORS[STORAGE_ERROR_TEXTS[message]]
    return StorageFailed(sentence, cure=cure, detail=message)


def is_out_of_memory(text: str) -> bool:
    """Whether a process that ended said that there was no more memory."""
    return match_known_error(text) == (OUT_OF_MEMORY, OUT_OF_MEMORY_CURE)


def translate_build_error(text: str, label: str) -> NotBuilt:
    """Return the error for what uv said when it could not build the environment of that label."""
    fallback = "The packages of this environment could not be installed.", "Read the details, then build it again."
    sentence, cure = match_known_error(text, UV_ERRORS) or fallback
    return NotBuilt(sentence, received=label, cure=cure, detail=shorten_message(text.strip()))


def translate_npm_error(text: str, label: str) -> NotBuilt:
    """Return the error for what npm said when it could not fetch packages for the environment of that label."""
    fallback = (
        "The packages of npm that this environment needs could not be fetched.",
        "Read the details, then build it again.",
    )
    sentence, cure = match_known_error(text, NPM_ERRORS) or fallback
    return NotBuilt(sentence, received=label, cure=cure, detail=shorten_message(text.strip()))


DEBUG_SOURCE = "Debug source:"  # what obstore adds: settings, as for how long it asks again, and the same once more


def translate_store_error(text: str, address: str) -> RoundtripError:
    """Return the error for what an object store said that was to be had at that address; secrets in either are cut."""
    fallback = "The store reported an error.", "Read the details, then start this again: it goes on where it stopped."
    text = text.partition(DEBUG_SOURCE)[0]
    sentence, cure = match_known_error(text, STORE_ERRORS) or fallback
    kind = InputError if sentence in (NO_ADDRESS, NO_ACCOUNT) else StorageFailed
    detail = shorten_message(mask_addresses(text.strip()))
    return kind(sentence, received=mask_address(address), cure=cure, detail=detail)


def mask_address(address: str) -> str:
    """Return an address of a store without what may be a secret: names before an @, and options."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def mask_addresses(text: str) -> str:
    """Return a foreign text with every address in it masked: what it was asked with may sign a request."""
    return re.sub(r"(\w+://)(?:[^\s/?#\"'<>]*@)?([^\s?#\"'<>]*)(?:[?#][^\s\"'<>]*)?", r"\1\2", text)


def translate_database_error(text: str, url: str) -> StorageFailed:
    """Return the error for what the server of the catalog said; `url` is its address without a password."""
    fallback = "The database reported an error.", "Read the details, or ask whoever keeps it."
    sentence, cure = match_known_error(text, DATABASE_ERRORS) or fallback
    return StorageFailed(sentence, received=url, cure=cure, detail=shorten_message(text.strip()))


def translate_engine_error(name: str, text: str, default_type: type[RoundtripError]) -> RoundtripError:
    """Return the error for what an engine in an environment raised: the name of its class, and its message."""
    text = shorten_message(text) or name
    sentence, cure = match_known_error(text) or (_fallback_sentence(text), "Read the details, or take another format.")
    kind = TooLarge if sentence == OUT_OF_MEMORY else default_type
    return kind(sentence, cure=cure, detail=f"{name}: {text}")


def find_cause(text: str) -> str:
    """Return the line of a foreign text that names the cause.

    That is the line of a known error, else the last cause that Keras appends, else the first line. Of a layer that
    failed Keras says which one first, and the cause below, in bold.
    """
    causes = re.findall(r"Exception encountered(?:: | when calling .+\n+\x1b\[1m)([^\n\x1b]+)", text)
    lines = [line for line in text.splitlines() if line.strip()] or ["no message"]
    line = find_known_line(text) or [lines[0], *causes][-1]
    return re.sub(r"\x1b\[[\d;]*m", "", line).removeprefix("Exception encountered: ").strip()


def _fallback_sentence(text: str) -> str:
    return f"The library said: {find_cause(text)[:240]}"


def _named_folders(error: BaseException) -> list[str]:
    """Return the folders of the files that an OSError names, longest first; the names of files may be shown."""
    paths = [error.filename, error.filename2] if isinstance(error, OSError) else []
    folders = {str(Path(os.fsdecode(path)).parent) for path in paths if isinstance(path, str | bytes | os.PathLike)}
    return sorted(folders - {".", "/"}, key=len, reverse=True)


def _clean_message(error: BaseException, hidden_paths: Iterable[str]) -> str:
    text = str(error) or type(error).__name__
    for path in (*hidden_paths, *_named_folders(error)):
        text = text.replace(path, "…")
    return shorten_message(text)


def shorten_message(text: str) -> str:
    """Return the beginning and the end of a foreign text that is longer than we keep."""
    return text if len(text) <= DETAIL_LIMIT else f"{text[: DETAIL_LIMIT // 2]}\n…\n{text[-DETAIL_LIMIT // 2 :]}"


def summarize_error(error: Exception) -> str:
    """Return an error as one line: its sentence, or its class and message, up to 200 characters."""
    if isinstance(error, RoundtripError):
        return error.sentence
    known = match_known_error(str(error))
    return known[0] if known else f"{type(error).__name__}: {error}".splitlines()[0][:200]

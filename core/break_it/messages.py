"""What the libraries tell a person while a model is loaded and asked: warnings, logged warnings, and prints."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

MESSAGE_LIMIT = 500  # characters of one message that are kept
LOGGERS = ("", "absl", "tensorflow")  # the root logger, and those that may not pass on to it


class _Recorder(logging.Handler):
    def __init__(self, messages: list[str]):
        super().__init__(logging.WARNING)
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.append(record.getMessage())


@contextlib.contextmanager
def record_messages() -> Iterator[list[str]]:
    """Collect whatever the block says, each text once: warnings, then logs, then prints, each kind in its own order.

    The list is complete when the block has ended.
    What TensorFlow's C++ writes to the process's own standard error is not part of it.
    """
    messages: list[str] = []
    logged: list[str] = []
    printed, errors, recorder = io.StringIO(), io.StringIO(), _Recorder(logged)
    with contextlib.ExitStack() as stack:
        caught = stack.enter_context(warnings.catch_warnings(record=True))
        stack.enter_context(contextlib.redirect_stdout(printed))
        stack.enter_context(contextlib.redirect_stderr(errors))
        for name in LOGGERS:
            logging.getLogger(name).addHandler(recorder)
            stack.callback(logging.getLogger(name).removeHandler, recorder)
        yield messages
    lines = [*printed.getvalue().splitlines(), *_unlogged_lines(errors.getvalue(), logged)]
    texts = [*(str(warning.message) for warning in caught), *logged, *lines]
    messages += [text.strip()[:MESSAGE_LIMIT] for text in dict.fromkeys(texts) if text.strip()]


def _unlogged_lines(text: str, logged: list[str]) -> list[str]:
    """The lines of standard error that are not a logger's way to write what was recorded."""
    return [line for line in text.splitlines() if not any(line in entry or entry in line for entry in logged)]

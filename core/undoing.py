"""What was begun and did not come to its end is undone."""

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def if_stopped(undo: Callable[[], object]) -> Iterator[None]:
    """Call `undo` where what is done in here does not come to its end, whatever stops it.

    Not errors alone do: a page that runs again, or whose visitor leaves, ends the call that it is in by an exception
    that is none of `Exception`, and a process or folder that nobody knows of any more would stay.
    """
    try:
        yield
    except BaseException:
        undo()
        raise

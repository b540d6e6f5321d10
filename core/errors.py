"""Exception hierarchy and `cleanup_on_error`.

Every error that Roundtrip raises on purpose.

RoundtripError
├── InputError              a value that a person gave does not fit
│   ├── UnknownName         no demo, format, run, artifact or job has that name
│   ├── DataUnavailable     a data set cannot be had now
│   ├── Refused             a file from outside breaks a rule of the gate or of the inspector
│   └── SignedOut           people sign in here, and this one has not, or not any more
├── FormatError
│   ├── PackageMissing      the library that a format needs is not installed
│   ├── CannotSave          this format does not take this model
│   ├── CannotTrain         the copy answers, and nothing can train it
│   └── DoesNotLoad         the copy did not come back
│       └── NeedsArchitecture   the copy is weights alone
├── LibraryError
│   ├── Damaged             a kept file is missing or its bytes changed
│   ├── UnreadableRecord    a record is broken, or of a newer schema than ours
│   ├── Gone                it was removed while it was being used
│   └── StorageFailed       the disk refused: full, read-only, gone
└── WorkerError
    ├── ChildDied           the process that held the model ended before it answered
    ├── TimedOut            it ran longer than its limit
    ├── Cancelled           a person stopped it
    └── NotConfined         what came from outside cannot be kept apart on this system, and is not run

Each carries one plain `sentence`, what was `received`, the `cure` (what to do next), and `detail`: the foreign
library's own words, shown only on demand. Foreign exceptions become these in `core.explain`, and nowhere else.

What was begun and did not come to its end is undone.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


class RoundtripError(Exception):
    """One plain sentence, what was received, what to do next.

    `code` is stable: it crosses process borders and stands in `--json` output. What is `passing` need not be the
    fault of the copy that was at work: it may go well when it is done again.
    """

    code = "error"
    is_transient = False

    def __init__(self, sentence: str, *, received: object = None, cure: str = "", detail: str = ""):
        self.sentence = sentence
        self.received = "" if received is None else str(received)
        self.cure = cure
        self.detail = detail
        super().__init__(sentence)

    def __str__(self) -> str:
        received = f"Received: {self.received}." if self.received else ""
        return " ".join(part for part in (self.sentence, received, self.cure) if part)

    def to_json(self) -> dict[str, str]:
        return {
            "code": self.code,
            "sentence": self.sentence,
            "received": self.received,
            "cure": self.cure,
            "detail": self.detail,
        }


class InputError(RoundtripError):
    code = "input"


class UnknownName(InputError):
    code = "unknown-name"


class DataUnavailable(InputError):
    code = "data-unavailable"


class Refused(InputError):
    """A file from outside that is not let in. `rule` is the stable name of what it breaks, such as "zip-link"; the code
    is "refused:" and the rule."""

    code = "refused"

    def __init__(self, sentence: str, *, rule: str = "unlike", **more: Any):
        super().__init__(sentence, **more)
        self.rule = rule
        self.code = f"{Refused.code}:{rule}"


class SignedOut(InputError):
    code = "signed-out"


class FormatError(RoundtripError):
    code = "format"


class PackageMissing(FormatError):
    code = "package-missing"


class CannotSave(FormatError):
    code = "cannot-save"


class CannotTrain(FormatError):
    code = "cannot-train"


class DoesNotLoad(FormatError):
    code = "does-not-load"


class NeedsArchitecture(DoesNotLoad):
    code = "needs-architecture"


class LibraryError(RoundtripError):
    code = "library"


class Damaged(LibraryError):
    code = "damaged"


class UnreadableRecord(LibraryError):
    code = "unreadable-record"


class Gone(LibraryError):
    code = "gone"
    is_transient = True


class StorageFailed(LibraryError):
    code = "storage"
    is_transient = True


class WorkerError(RoundtripError):
    code = "worker"
    is_transient = True


class ChildDied(WorkerError):
    code = "child-died"


class TimedOut(WorkerError):
    code = "timed-out"


class Cancelled(WorkerError):
    code = "cancelled"


class NotConfined(WorkerError):
    code = "not-confined"
    is_transient = False


def _errors_by_code(root: type[RoundtripError]) -> dict[str, type[RoundtripError]]:
    """Map every code in the tree below `root` to its class."""
    found = {root.code: root}
    for branch in root.__subclasses__():
        found |= _errors_by_code(branch)
    return found


def error_from_json(record: dict[str, str]) -> RoundtripError:
    """Rebuild an error that `to_json` wrote; an unknown code becomes a plain RoundtripError."""
    code, _, rule = record.get("code", "").partition(":")
    kind = _errors_by_code(RoundtripError).get(code, RoundtripError)
    return kind(
        record.get("sentence", "Something went wrong."),
        received=record.get("received") or None,
        cure=record.get("cure", ""),
        detail=record.get("detail", ""),
        **({"rule": rule} if rule and kind is Refused else {}),
    )


def is_transient(record: dict[str, str] | None) -> bool:
    """Whether an error that `to_json` wrote may not come again; None, which is no error, does not."""
    return record is not None and error_from_json(record).is_transient


@contextlib.contextmanager
def cleanup_on_error(cleanup: Callable[[], object]) -> Iterator[None]:
    """Call `undo` where what is done in here does not come to its end, whatever stops it.

    Not errors alone do: a page that runs again, or whose visitor leaves, ends the call that it is in by an exception
    that is none of `Exception`, and a process or folder that nobody knows of any more would stay.
    """
    try:
        yield
    except BaseException:
        cleanup()
        raise

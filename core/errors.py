"""The exceptions that Roundtrip raises on purpose, and `cleanup_on_error`.

RoundtripError
├── InputError              a value from the user does not fit
│   ├── UnknownName         no demo, format, run, artifact or job has that name
│   ├── UnpairedRows        answers have no row for each row of the inputs
│   ├── DataUnavailable     a data set cannot be loaded now
│   ├── Refused             an untrusted file breaks a rule of the validation
│   ├── UploadConflict      a piece of an upload does not follow what has come of it
│   └── SignedOut           users sign in here, and this one has not, or not any more
├── FormatError
│   ├── PackageMissing      the package that a format needs is not installed
│   ├── CannotSave          this format does not take this model
│   ├── CannotTrain         the copy predicts, and cannot be trained
│   ├── CannotProve         the copy was written, and nothing can build the model that would show what came back
│   └── DoesNotLoad         the copy did not come back
│       └── NeedsArchitecture   the copy is weights alone
├── LibraryError
│   ├── Damaged             a stored file is missing or its bytes changed
│   ├── UnreadableRecord    a record is broken, or of a newer schema than ours
│   ├── Gone                it was removed while it was being used
│   └── StorageFailed       the disk refused: full, read-only, gone
└── WorkerError
    ├── ChildDied           the process that held the model ended before it replied
    ├── TimedOut            it ran longer than its limit
    ├── TooLarge            it needs more memory than its limit
    │   └── TooMuchToSend       its rows or answers are more than one message to or from a process may hold
    ├── Cancelled           a user stopped it
    ├── NotBuilt            the packages of an environment could not be had
    ├── WorkerGone          a worker of the team went, or is not there
    └── NotConfined         this system has no sandbox for an untrusted model, which is not run

Each carries one plain `sentence`, what was `received`, the `cure` (what to do next), and `detail`: the message of the
foreign library, shown only on demand. Foreign exceptions become these in `core.error_translation`, and nowhere else.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class RoundtripError(Exception):
    """One plain sentence, what was received, what to do next.

    `code` is stable: it crosses process borders and stands in `--json` output. A transient error need not be the fault
    of the copy: the same may succeed when it is tried again.
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
        return {name: getattr(self, name) for name in ("code", "sentence", "received", "cure", "detail")}


class InputError(RoundtripError):
    code = "input"


class UnknownName(InputError):
    code = "unknown-name"


class UnpairedRows(InputError):
    """Answers have no row for each row of the inputs, or a stated row has the shape of all of an input."""

    code = "unpaired-rows"


class DataUnavailable(InputError):
    code = "data-unavailable"


class Refused(InputError):
    """An untrusted file is not imported.

    `rule` is the stable name of what it breaks, such as "zip-link"; the code is "refused:" and the rule.
    """

    code = "refused"

    def __init__(self, sentence: str, *, rule: str = "unlike", **more: Any):
        super().__init__(sentence, **more)
        self.rule = rule
        self.code = f"{Refused.code}:{rule}"


class UploadConflict(InputError):
    code = "upload-conflict"
    is_transient = True


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


class CannotProve(FormatError):
    code = "cannot-prove"


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


class TooLarge(WorkerError):
    code = "too-large"


class TooMuchToSend(TooLarge):
    code = "too-much-to-send"


class Cancelled(WorkerError):
    code = "cancelled"


class NotBuilt(WorkerError):
    code = "not-built"


class WorkerGone(WorkerError):
    code = "worker-gone"


class NotConfined(WorkerError):
    code = "not-confined"
    is_transient = False


def _errors_by_code(root: type[RoundtripError]) -> dict[str, type[RoundtripError]]:
    """Map every code in the tree below `root` to its class."""
    classes = {root.code: root}
    for branch in root.__subclasses__():
        classes |= _errors_by_code(branch)
    return classes


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
    """Whether the error that `to_json` wrote may not come again; False for None."""
    return record is not None and error_from_json(record).is_transient


@contextlib.contextmanager
def cleanup_on_error(cleanup: Callable[[], object]) -> Iterator[None]:
    """Call `cleanup` if the block exits by any exception.

    KeyboardInterrupt and the reruns of Streamlit are included, which are none of `Exception`.
    """
    try:
        yield
    except BaseException:
        cleanup()
        raise


class KnownError(NamedTuple):
    """A pattern in a foreign text, what it means ({0}, {1} are its groups), and the cure."""

    pattern: str
    sentence: str
    cure: str

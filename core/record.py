"""What every record on disk has in common: a schema number, a date, and a reader that refuses in plain words."""

import errno
import json
import platform
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

import core
from core.errors import LibraryError, UnreadableRecord
from core.explain import translate
from core.system import installed_packages_fingerprint

# Where a model comes from: trained or added here, or a file that a person brought in. What is made from the one is of
# the same trust: a copy of a stranger's model is a stranger's model, whoever converted it.
Trust = Literal["ours", "brought in"]

SCHEMA_VERSION = 1
# What says that the file itself is missing, of the wrong kind, or closed to us; anything else that a disk refuses may
# be over the next moment, and says nothing of the record.
MISSING_FILE_ERRNOS = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.EACCES,
    errno.EPERM,
)
# What JSON that is none, or not what it should be, raises when it is read.
INVALID_JSON_ERRORS = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
RECORDED_PACKAGES = (
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "numpy",
    "h5py",
    "safetensors",
    "onnx",
    "tf2onnx",
    "onnxruntime",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "openvino",
)


def now() -> str:
    """This moment in UTC, to the millisecond, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def installed_versions() -> dict[str, str]:
    """What writes here: our version, Python's, and those of the libraries that decide what a file holds."""
    return dict(_installed_versions(installed_packages_fingerprint()))


@lru_cache(maxsize=1)
def _installed_versions(fingerprint: tuple) -> dict[str, str]:
    found = {"roundtrip": core.__version__, "python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            found[package.removesuffix("-cpu")] = version(package)
        except PackageNotFoundError:
            continue
    return found


def describe_version_changes(recorded: dict[str, str]) -> str:
    """Which of these versions are not those of this process, in a sentence; empty when all are."""
    now_ = installed_versions()
    other = [
        f"{name} {recorded[name]}, now {now_.get(name, 'none')}"
        for name in recorded
        if recorded[name] != now_.get(name)
    ]
    return f"It was saved with {'; '.join(other)}." if other else ""


def broken_record_error(path: Path, error: Exception) -> UnreadableRecord:
    """What to raise where a file of ours cannot be read as what it should be."""
    return UnreadableRecord(
        f"The record {path.name} is missing or broken.",
        cure="Remove the entry, or restore the file from a backup.",
        detail=str(error).replace(str(path.parent), "…"),
    )


class Record(BaseModel):
    """What every record has; unknown keys are kept, so that nothing of a newer minor version is lost."""

    model_config = ConfigDict(extra="allow")

    schema_: int = Field(SCHEMA_VERSION, alias="schema")
    created: str = Field(default_factory=now)

    @field_validator("created")
    @classmethod
    def _validate_timestamp(cls, text: str) -> str:
        """Lists are sorted by it and tell it in words: what is no moment spoils its own entry, and no list."""
        if datetime.fromisoformat(text).tzinfo is None:
            raise ValueError("without a time zone")
        return text

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises UnreadableRecord when the record is missing, broken, or of a newer schema than ours."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            number = found["schema"]
        except OSError as error:
            if error.errno in MISSING_FILE_ERRNOS:
                raise broken_record_error(path, error) from error
            raise translate(error, LibraryError) from error  # the record may be whole, and is not called broken
        except INVALID_JSON_ERRORS as error:
            raise broken_record_error(path, error) from error
        if number != SCHEMA_VERSION:
            raise UnreadableRecord(
                f"The record {path.name} has schema {number}, and this version of Roundtrip reads schema "
                f"{SCHEMA_VERSION}.",
                received=number,
                cure="Open the library with the version that wrote it.",
            )
        return cls._validate(found, path)

    @classmethod
    def _validate(cls, document: dict[str, Any], path: Path) -> Self:
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            field = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise UnreadableRecord(
                f"The record {path.name} does not hold what it should: '{field}' does not fit.",
                cure="Remove the entry, or restore the file from a backup.",
                detail=str(error),
            ) from error

    def to_json_text(self) -> str:
        return self.model_dump_json(by_alias=True, indent=2)

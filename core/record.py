"""Base class of every JSON record on disk: schema number, timestamp, validating reader."""

import errno
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from core.error_translation import translate
from core.errors import LibraryError, UnreadableRecord

# Where a model comes from: trained or added here, or imported from an untrusted file. Whatever is made from a model has
# the trust of that model: a copy of an untrusted model is untrusted, whoever converted it.
Trust = Literal["ours", "brought in"]

SCHEMA_VERSION = 1
# The file itself is missing, of the wrong kind, or not readable for us. Any other error of the disk may be over the
# next moment, and says nothing of the record.
MISSING_FILE_ERRNOS = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}
MISSING_FILE_ERRNOS |= {errno.EACCES, errno.EPERM}
# Raised while JSON is read that is invalid or not of the expected structure.
INVALID_JSON_ERRORS = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def now() -> str:
    """Return the current time in UTC, to the millisecond, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def broken_record_error(path: Path, error: Exception) -> UnreadableRecord:
    """Make the error for a record that cannot be read."""
    return UnreadableRecord(
        f"The record {path.name} is missing or broken.",
        cure="Remove the entry, or restore the file from a backup.",
        detail=str(error).replace(str(path.parent), "…"),
    )


class Record(BaseModel):
    """A JSON record with its schema number; unknown keys are preserved for newer versions."""

    model_config = ConfigDict(extra="allow")

    newest_schema: ClassVar[int] = SCHEMA_VERSION

    schema_: int = Field(SCHEMA_VERSION, alias="schema")
    created: str = Field(default_factory=now)

    @field_validator("created")
    @classmethod
    def _validate_timestamp(cls, text: str) -> str:
        """Lists are sorted by it: an invalid timestamp makes its own record unreadable, and no list."""
        if datetime.fromisoformat(text).tzinfo is None:
            raise ValueError("without a time zone")
        return text

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and validate a record. Raises UnreadableRecord, StorageFailed, LibraryError."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            if error.errno in MISSING_FILE_ERRNOS:
                raise broken_record_error(path, error) from error
            raise translate(error, LibraryError) from error  # the record may be intact
        except ValueError as error:
            raise broken_record_error(path, error) from error
        return cls._parse(text, path)

    @classmethod
    def parse(cls, text: str | bytes, name: str) -> Self:
        """Validate the text of a record that goes by this name. Raises UnreadableRecord."""
        return cls._parse(text, Path(name))

    @classmethod
    def _parse(cls, text: str | bytes, path: Path) -> Self:
        try:
            document = json.loads(text)
            number = document["schema"]
        except INVALID_JSON_ERRORS as error:
            raise broken_record_error(path, error) from error
        if number not in range(SCHEMA_VERSION, cls.newest_schema + 1):
            raise UnreadableRecord(
                f"The record {path.name} has schema {number}, and this version of Roundtrip reads schema "
                f"{cls.newest_schema}.",
                received=number,
                cure="Open the library with the version that wrote it.",
            )
        return cls._validate(document, path)

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

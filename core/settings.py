"""Settings from the environment (`ROUNDTRIP_*`), with defaults that need nothing."""

import os
import sys
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import InputError

MB, GB = 10**6, 10**9  # bytes: the units of all settings, as of all sizes on pages
MAX_DAYS = 36_500  # a hundred years: a moment so long ago or ahead is still a date
RENAMED = {"_MIB": "_MB", "_GIB": "_GB"}  # endings that settings had when their units were powers of two
RENAMED_WHOLE = {"ROUNDTRIP_CATALOG_URL": "ROUNDTRIP_DATABASE_URL"}
PROJECT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Settings of this installation; each field is read from `ROUNDTRIP_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="ROUNDTRIP_", frozen=True)

    home: Path = Field(PROJECT / "store", description="where the library lies")
    browser_runtimes: Path = Field(
        Path(sys.prefix) / "share" / "roundtrip" / "browser-runtimes",
        description="where the runtimes lie that answer in a visitor's browser; `make browser-runtimes` fetches them",
    )
    database_url: str = Field(
        "", description="SQLAlchemy URL of the catalog, and of a team's jobs; empty: catalog.sqlite in home"
    )
    store_url: str = Field(
        "", description="object store that a team shares (s3://, gs://, az://, file://); needs PostgreSQL; empty: none"
    )
    cache_gb: float = Field(50.0, gt=0, description="what a machine caches of the object store in its home, in GB")
    worker: Literal["auto", "fork", "spawn"] = Field("auto", description="how a fresh process is made")
    parallel: int = Field(os.cpu_count() or 1, ge=1, le=64, description="children at work side by side")
    child_gb: float = Field(
        0.0, ge=0, description="memory of one child and what it starts, in GB; 0: three quarters of this machine's"
    )
    child_seconds: float = Field(300.0, gt=0, description="wall clock of one save or reload, in seconds")
    warm_seconds: float = Field(
        300.0,
        ge=0,
        description="seconds for which the process of a command, in which TensorFlow is loaded, waits for the next "
        "command; 0: it ends with its command",
    )
    train_seconds: float = Field(3600.0, gt=0, description="wall clock of one training, in seconds")
    confined_gb: float = Field(
        0.0,
        ge=0,
        description="memory of a confined child, in GB; 0: 8, more for a file of over 1 GB, and at most half of this "
        "machine's",
    )
    confined_seconds: float = Field(
        120.0,
        gt=0,
        description="wall clock of one request to a confined child, in seconds; as many times that as its files have "
        "64 MB, up to 10 times",
    )
    confined_cpu_seconds: int = Field(
        0,
        ge=0,
        description="processor time of such a request, in seconds, growing alike; 0: all processors for its wall clock",
    )
    converting_times: int = Field(
        4,
        ge=1,
        le=100,
        description="times of these three that a confined child has for a conversion; memory up to CHILD_GB",
    )
    confined_file_mb: int = Field(64, ge=1, description="largest file that a confined child may write, in MB")
    confined_reply_mb: int = Field(
        4, ge=1, description="largest reply of a confined child that was not asked for more, in MB"
    )
    run_unconfined: bool = Field(False, description="run what was imported even where it cannot be confined")
    reply_mb: int = Field(256, ge=1, description="largest request to a child, and largest reply of one, in MB")
    inputs_mb: int = Field(1024, ge=1, description="largest set of inputs, in MB")
    inputs_total_mb: int = Field(8192, ge=1, description="all sets of inputs together, in MB")
    keep_inputs: int = Field(50, ge=1, description="sets of inputs that are kept, those used last")
    held_children: int = Field(40, ge=1, description="children that stay loaded to answer, in all sessions together")
    answers_mb: int = Field(4096, ge=1, description="answers of finished comparisons, together, in MB")
    environments: Path = Field(
        Path(), description="where environments with other packages are built; empty: cache/environments in home"
    )
    environment_seconds: float = Field(1800.0, gt=0, description="wall clock of building one environment, in seconds")
    environment_idle_seconds: float = Field(
        300.0, ge=0, description="seconds for which the process of an environment waits for the next kit"
    )
    upload_mb: int = Field(512, ge=1, description="largest file that is imported, or sent from a page, in MB")
    uploads_total_mb: int = Field(
        4096, ge=1, description="files of one person that are on their way or wait to be used, together, in MB"
    )
    upload_hours: float = Field(
        24.0,
        gt=0,
        le=24 * MAX_DAYS,
        description="hours after which an upload is deleted of which no more came, and which nobody used",
    )
    unpacked_mb: int = Field(2048, ge=1, description="largest size of such a file when it is unpacked, in MB")
    trash_days: int = Field(
        30, ge=0, le=MAX_DAYS, description="days until what was removed is deleted for good; 0: never"
    )
    unused_days: int = Field(
        7,
        ge=0,
        le=MAX_DAYS,
        description="days until contents of a team's store are deleted that no entry lists any more; 0: only by "
        "roundtrip collect",
    )
    metrics: bool = Field(
        False, description="serve metrics for Prometheus at /metrics, to everybody who reaches the server"
    )
    log_format: Literal["text", "json"] = Field("text", description="how the server's log lines are written")
    worker_lost_seconds: int = Field(
        30, ge=1, description="seconds without a sign of life after which a worker's jobs are given to another"
    )
    keep_jobs: int = Field(200, ge=1, description="finished jobs whose records are kept")

    @field_validator("home", "browser_runtimes")
    @classmethod
    def _expand_home(cls, folder: Path) -> Path:
        return folder.expanduser()

    @property
    def is_team(self) -> bool:
        """Whether a team shares the library, in an object store; the home is this machine's cache of it then."""
        return bool(self.store_url)

    @property
    def environments_folder(self) -> Path:
        """Where environments are built."""
        return self.home / "cache" / "environments" if self.environments == Path() else self.environments.expanduser()

    @property
    def can_fork(self) -> bool:
        """Whether a warm process can fork: only Linux does so safely with TensorFlow loaded."""
        if self.worker == "auto":
            return sys.platform.startswith("linux")
        return self.worker == "fork"


@cache
def get_settings() -> Settings:
    """Return the settings of this process, read once. Raises InputError for a bad variable."""
    _refuse_former_names()
    try:
        return require_database_of_store(Settings())
    except ValidationError as error:
        first = error.errors()[0]
        name = "ROUNDTRIP_" + "_".join(str(part) for part in first["loc"]).upper()
        raise InputError(
            f"The setting {name} does not fit: {first['msg']}.",
            received=first.get("input"),
            cure="Correct or unset it, then start again.",
        ) from error


def require_database_of_store(config: Settings) -> Settings:
    """Return the settings. Raises InputError for an object store without PostgreSQL, in which machines find it out."""
    if config.is_team and not config.database_url.startswith("postgresql"):
        raise InputError(
            "A store that a team shares needs a PostgreSQL database, and ROUNDTRIP_DATABASE_URL names none.",
            received=config.database_url.partition(":")[0] or None,
            cure="Set ROUNDTRIP_DATABASE_URL=postgresql://USER@HOST/DATABASE, or unset ROUNDTRIP_STORE_URL.",
        )
    return config


def _refuse_former_names() -> None:
    """Refuse a variable under its former name, which would be passed over without a word. Raises InputError."""
    for variable in os.environ:
        name = variable.upper()  # as Settings reads them
        ending = name[-4:]
        if name in RENAMED_WHOLE:
            raise _renamed_error(variable, RENAMED_WHOLE[name], "", "Give the same address under the new name.")
        if name.startswith("ROUNDTRIP_") and ending in RENAMED:
            cure = "Give the number in units of 1,000,000 bytes (MB) or 1,000,000,000 (GB) under the new name."
            renamed = name.removesuffix(ending) + RENAMED[ending]
            raise _renamed_error(variable, renamed, os.environ[variable], cure)


def _renamed_error(variable: str, renamed: str, value: str, cure: str) -> InputError:
    """`value` is empty where it may hold a password."""
    return InputError(f"The setting {variable} is called {renamed} now.", received=value or None, cure=cure)

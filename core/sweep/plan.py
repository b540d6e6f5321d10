"""The plan of a sweep, as a person writes it in TOML, and each thing that can be wrong with it in one sentence."""

import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.environments import get_environment
from core.environments.machines import THIS_MACHINE, get_machine
from core.environments.own import HERE
from core.errors import InputError
from core.formats import get_format
from core.upgrade.sides import require_sides

AS_IS = "as-is"  # in place of formats: the copies that there are already, of a file the file itself
ALL_RUNS = "library"  # in place of a model: every run of the library
MAX_PLAN_BYTES = 2**20
EXAMPLE = """\
# A plan for `roundtrip sweep PLAN.toml`. Models × formats × environments × machines; a row is one of each.

# Files and folders (those of this plan's folder unless they begin with "/"), prefixes of buckets (s3://, gs://, az://),
# ids of runs in the library, or "library" for all of its runs.
models = ["models"]

# "as-is" is what there is already: of a file the file itself, of a run its copies. The others are saved where they are
# missing; `roundtrip formats` lists them.
formats = ["as-is", "keras", "onnx"]

# "here" is Roundtrip itself. The others are built first where they are not; `roundtrip environments` lists them.
environments = ["here", "onnxruntime-1.20"]

# "here" is this machine as it is. With fewer instruction sets: "avx2", "sse41", "no-onednn". Of a team: "worker:NAME".
machines = ["here"]

# How many models at a time; 0 leaves one slot of this machine to whoever clicks meanwhile.
at_once = 0

# How often a row is asked again that was stopped by a passing fault: a full disk, a process that was ended.
retries = 1

# What breaks when we upgrade? With this section, in place of formats, environments and machines, each model is asked in
# the first environment and then in the second.
# [upgrade]
# from = "here"
# to = "keras-3.3"
"""


class UpgradeSides(BaseModel):
    """Keys of the environments of before and after."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source: str = Field(alias="from")
    target: str = Field(alias="to")

    @model_validator(mode="after")
    def _validate(self) -> Self:
        require_sides(self.source, self.target)
        return self


class SweepPlan(BaseModel):
    """What a sweep goes over; see `EXAMPLE`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: list[str] = Field(min_length=1, max_length=10_000)
    formats: list[str] = Field([AS_IS], min_length=1)
    environments: list[str] = Field([HERE], min_length=1)
    machines: list[str] = Field([THIS_MACHINE], min_length=1)
    at_once: int = Field(0, ge=0, le=64)
    retries: int = Field(1, ge=0, le=10)
    upgrade: UpgradeSides | None = None

    @field_validator("models", "formats", "environments", "machines")
    @classmethod
    def _take_each_once(cls, names: list[str]) -> list[str]:
        return list(dict.fromkeys(names))

    @model_validator(mode="after")
    def _validate(self) -> Self:
        for key in self.formats:
            if key != AS_IS:
                get_format(key)
        for key in self.environments:
            if key != HERE:
                get_environment(key)
        for key in self.machines:
            get_machine(key)
        if self.upgrade and (extra := self.model_fields_set & {"formats", "environments", "machines"}):
            cure = "Take it out of the plan, or the section [upgrade]."
            sentence = "An upgrade asks models as they are, in the two environments that it names."
            raise InputError(sentence, received=", ".join(sorted(extra)), cure=cure)
        return self


def read_plan(path: Path) -> SweepPlan:
    """Read a plan from a TOML file. Raises InputError."""
    try:
        if path.stat().st_size > MAX_PLAN_BYTES:
            cure = "Name folders, and not each file."
            raise InputError("This is too large for a plan.", received=path.name, cure=cure)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cure = "Check its name and place; `roundtrip sweep --example` prints one."
        raise InputError("This plan cannot be read.", received=path.name, cure=cure) from error
    return parse_plan(text)


def parse_plan(text: str) -> SweepPlan:
    """Read a plan from the text of a TOML file. Raises InputError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError("The plan is no TOML.", received=str(error), cure="Correct that line.") from error
    return make_plan(document)


def make_plan(document: dict[str, Any]) -> SweepPlan:
    """Validate a plan. Raises InputError with the first thing that does not fit, UnknownName."""
    try:
        return SweepPlan.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        cure = "`roundtrip sweep --example` prints a plan that fits."
        if first["type"] == "extra_forbidden":
            raise InputError("A plan has no such key.", received=name, cure=cure) from error
        if first["type"] == "missing":
            raise InputError(f"The plan has no '{name}'.", cure=cure) from error
        sentence = f"'{name}' does not fit: {first['msg'][:1].lower()}{first['msg'][1:]}."
        raise InputError(sentence, received=first.get("input"), cure=cure) from error

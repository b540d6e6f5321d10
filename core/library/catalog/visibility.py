"""Which rows of the catalog a person may see."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sql

from core.library.permissions import EVERYONE

Condition = sql.ColumnElement[bool]


def visibility_conditions(columns: Any, viewer_id: str | None) -> Iterator[Condition]:
    """What that person sees; None sees all."""
    if viewer_id is not None:
        yield columns.only.in_([EVERYONE, viewer_id])

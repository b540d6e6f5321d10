"""Compare two JSON documents: every place where they differ, and the value of each side."""

from collections.abc import Iterator
from typing import Any, NamedTuple


class JsonChange(NamedTuple):
    """One place of two documents, and what stands there.

    `kind` is "changed", "only in A", "only in B" or "same". A list of named objects is compared by these names, any
    other by position.
    """

    path: str
    kind: str
    left: Any
    right: Any


def diff_json(left: Any, right: Any, *, include_equal: bool = False) -> list[JsonChange]:
    """Return the leaves that differ, in the left document's order; with `include_equal`, all."""
    return [change for change in _walk("", left, right) if include_equal or change.kind != "same"]


def _walk(path: str, left: Any, right: Any) -> Iterator[JsonChange]:
    a, b = _children(left), _children(right)
    if a is None or b is None or type(left) is not type(right):
        is_equal = type(left) is type(right) and left == right
        yield JsonChange(path, "same" if is_equal else "changed", left, right)
        return
    for name in dict.fromkeys([*a, *b]):
        inner = f"{path}.{name}" if path else name
        if name not in b:
            yield JsonChange(inner, "only in A", a[name], None)
        elif name not in a:
            yield JsonChange(inner, "only in B", None, b[name])
        else:
            yield from _walk(inner, a[name], b[name])


def _children(value: Any) -> dict[str, Any] | None:
    """The parts of an object or a list by name or position; None for leaves and empty ones."""
    if isinstance(value, dict) and value:
        return {str(name): child for name, child in value.items()}
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        names = [name for item in value if (name := _object_name(item)) is not None]
        is_named = len(set(names)) == len(value)
        return dict(zip(names if is_named else [f"[{at}]" for at in range(len(value))], value, strict=True))
    return None


def _object_name(value: Any) -> str | None:
    """The name of an object, or that in the config of a Keras layer."""
    if not isinstance(value, dict):
        return None
    config = value.get("config")
    name = value.get("name") or (config.get("name") if isinstance(config, dict) else None)
    return name if isinstance(name, str) else None

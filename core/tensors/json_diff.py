"""Two JSON documents beside each other: every place where they differ, and what stands there on each side."""

from collections.abc import Iterator
from typing import Any, NamedTuple

MISSING = "–"


class JsonChange(NamedTuple):
    """One place of two documents: its path, and what stands there; `kind` is "changed", "only in A", "only in B" or
    "same". A list of objects that have names is read by these names, any other by place."""

    path: str
    kind: str
    ours: Any
    theirs: Any


def diff_json(ours: Any, theirs: Any, *, include_equal: bool = False) -> list[JsonChange]:
    """All leaves that differ, in the order of our document; with `same`, the others too."""
    return [one for one in _walk_diff("", ours, theirs) if include_equal or one.kind != "same"]


def _walk_diff(path: str, ours: Any, theirs: Any) -> Iterator[JsonChange]:
    left, right = _children(ours), _children(theirs)
    if left is None or right is None or type(ours) is not type(theirs):
        yield JsonChange(path, "same" if _is_equal(ours, theirs) else "changed", ours, theirs)
        return
    for name in dict.fromkeys([*left, *right]):
        inner = f"{path}.{name}" if path else str(name)
        if name not in right:
            yield JsonChange(inner, "only in A", left[name], None)
        elif name not in left:
            yield JsonChange(inner, "only in B", None, right[name])
        else:
            yield from _walk_diff(inner, left[name], right[name])


def _is_equal(ours: Any, theirs: Any) -> bool:
    return type(ours) is type(theirs) and ours == theirs


def _children(value: Any) -> dict[str, Any] | None:
    """The parts of an object or a list by name or place; None for a leaf, and for what is empty."""
    if isinstance(value, dict) and value:
        return {str(name): one for name, one in value.items()}
    if isinstance(value, list) and value and any(isinstance(one, dict | list) for one in value):
        names = [_object_name(one) for one in value]
        return dict(zip(names if _is_distinct(names) else [f"[{at}]" for at in range(len(value))], value, strict=True))
    return None


def _is_distinct(names: list[str | None]) -> bool:
    return None not in names and len(set(names)) == len(names)


def _object_name(value: Any) -> str | None:
    """What an object calls itself, or what Keras says of the layer in it."""
    if not isinstance(value, dict):
        return None
    inner = value.get("config")
    found = value.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
    return found if isinstance(found, str) else None

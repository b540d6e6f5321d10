"""Which variable of a model each array of a file belongs to, by its name.

Keras puts the names of the models around a layer before a path, or leaves them out, as the model was made: the
"p/kernel" of a Sequential that is read from its config was "sequential_7/p/kernel" where it was written in code. What
has no name of its own is numbered afresh in each process.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import DoesNotLoad
from core.runtimes.variables import variables_by_path

Shapes = Mapping[str, tuple[int, ...]]


def pair_variables(variables: Sequence[Any], stored: Shapes, order: Sequence[str] = ()) -> dict[str, Any]:
    """The variable of each name in a file: by equal names, by names of which one ends with the other, else by order.

    Args:
        variables: Those of the model, in its order.
        stored: The shapes of the arrays by name.
        order: The names in the order of the model that was saved; empty where the file does not say.

    Raises DoesNotLoad where they do not pair one to one, in equal shapes.
    """
    own = variables_by_path(variables)
    pairs = {name: own[name] for name in stored if name in own}
    if len(pairs) == len(stored) == len(own):
        return pairs
    paired = _pair_by_ending(own, stored) or _pair_in_order(own, stored, order)
    if paired is None:
        raise _misfit_error(set(own), set(stored))
    return paired


def _pair_by_ending(own: Mapping[str, Any], stored: Shapes) -> dict[str, Any] | None:
    """None where a name ends as several others do, or as none."""
    candidates = {name: [path for path in own if _is_same_ending(name, path)] for name in stored}
    paths = {paths[0] for paths in candidates.values() if len(paths) == 1}
    if not len(paths) == len(stored) == len(own):
        return None
    pairs = {name: own[paths[0]] for name, paths in candidates.items()}
    return pairs if _has_equal_shapes(pairs, stored) else None


def _is_same_ending(name: str, path: str) -> bool:
    short, long = sorted((name, path), key=len)
    return short == long or long.endswith(f"/{short}")


def _pair_in_order(own: Mapping[str, Any], stored: Shapes, order: Sequence[str]) -> dict[str, Any] | None:
    """None where the last parts of the names or the shapes differ anywhere."""
    if set(order) != set(stored) or not len(order) == len(stored) == len(own):
        return None
    pairs = dict(zip(order, own.values(), strict=True))
    ends = zip(order, own, strict=True)
    same = all(_last_part(name) == _last_part(path) for name, path in ends)
    return pairs if same and _has_equal_shapes(pairs, stored) else None


def _last_part(path: str) -> str:
    return path.rpartition("/")[2].rstrip("_0123456789")


def _has_equal_shapes(pairs: Mapping[str, Any], stored: Shapes) -> bool:
    return all(tuple(variable.shape) == tuple(stored[name]) for name, variable in pairs.items())


def _misfit_error(own: set[str], stored: set[str]) -> DoesNotLoad:
    missing, unknown = (", ".join(sorted(names)) for names in (own - stored, stored - own))
    return DoesNotLoad(
        f"The names in the file are not those of the model: {len(own & stored)} of {len(own)} agree.",
        received=unknown or "nothing else",
        cure=f"Use the architecture that it came from. Missing: {missing or 'none'}.",
    )

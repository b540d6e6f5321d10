"""What a person may choose about a format."""

from dataclasses import dataclass
from typing import Any

from core.errors import InputError


@dataclass(frozen=True)
class Option:
    """Something that a person may choose about a format; it reaches `save` as a keyword argument of the same key.

    With `choices` it is one of them; else it has the type of its default, and numbers lie in `least` ... `most`.
    """

    key: str
    label: str
    default: Any
    help: str
    choices: tuple[Any, ...] = ()
    least: float | None = None
    most: float | None = None

    def check(self, value: Any) -> Any:
        """The value itself, as the default's type. Raises InputError when it does not fit."""
        try:
            fitting = type(self.default)(value)
        except (TypeError, ValueError):
            fitting = None
        in_bounds = fitting in self.choices if self.choices else fitting is not None and self._in_bounds(fitting)
        if not in_bounds:
            raise InputError(
                f"The option '{self.label}' does not fit.", received=value, cure=f"Choose {self._allowed()}."
            )
        return fitting

    def _in_bounds(self, value: Any) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def _allowed(self) -> str:
        return f"one of {', '.join(map(str, self.choices))}" if self.choices else f"from {self.least} to {self.most}"

"""Whether the inputs of a reload can tell one model from another."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel

from core.arrays import Arrays
from core.compare import RTOL, measure_spread


class Discrimination(BaseModel):
    """Whether the inputs can tell one model from another.

    `rows` were asked and got `distinct` answers, which spread by `share` of the largest (see `AnswerSpread`).
    `ulp_share` and `percent_share` are how far the answers move, again as a share of the largest, where every weight is
    off by one unit in the last place, and by 1 %; None where nobody could try.
    """

    rows: int
    distinct: int
    share: float
    ulp_share: float | None = None
    percent_share: float | None = None

    @classmethod
    def measure(cls, predictions: Arrays, mutant: Mapping[str, Any] | None = None) -> Self:
        """Measure the answers of the reference; `mutant` is what `core.worker.tasks.mutants` gives, if anything."""
        tried = {name: mutant[name] for name in ("ulp_share", "percent_share")} if mutant else {}
        return cls(**measure_spread(predictions)._asdict(), **tried)

    @property
    def warning(self) -> str:
        """That the inputs cannot tell, in a sentence; empty where they can."""
        if self.rows > 1 and self.distinct == 1:
            return f"All {self.rows:,} rows get the same answer, so these inputs cannot tell a good copy from another."
        if self.percent_share is not None and self.percent_share <= RTOL:
            moved = f"by {self.percent_share:.1g} of their size" if self.percent_share else "not at all"
            return f"Weights that are 1 % off move the answers {moved}, so these inputs cannot tell a damaged copy."
        if self.rows > 1 and self.share <= RTOL:
            return f"The answers of all rows lie within {self.share:.1g} of their size: these inputs hardly tell."
        return ""

"""What can be said of a live model: its answers in fixed batches, its shape in words, its variables by hash."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays, plain
from core.runtimes.base import Named, Predictor, model_kind
from core.runtimes.live import live_predictor
from core.runtimes.traits import traits

# Kernels round differently for different batch sizes, so every answer that is compared is given in the same batches.
BATCH = 64
ROWS = 1024  # held-out rows that a run keeps, with the live model's answers


class Reference(NamedTuple):
    """Inputs by name, the live model's answers to them by name, and the truth where it is known (else empty)."""

    inputs: Arrays
    answers: Arrays
    targets: Arrays

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))

    def head(self, rows: int) -> "Reference":
        """The first `rows` rows."""
        return Reference(
            {name: array[:rows] for name, array in self.inputs.items()},
            {name: array[:rows] for name, array in self.answers.items()},
            {name: array[:rows] for name, array in self.targets.items()},
        )

    def sorted_inputs(self) -> "Reference":
        """The same with its inputs sorted by name."""
        return self._replace(inputs=dict(sorted(self.inputs.items())))

    def whole_batches(self, rows: int) -> "Reference":
        """The fewest whole batches that hold the first `rows` rows: what must be answered to compare bit for bit."""
        return self.head(-(-rows // BATCH) * BATCH)

    def write(self, path: Path) -> None:
        kept = {f"input:{name}": array for name, array in self.inputs.items()}
        kept |= {f"answer:{name}": array for name, array in self.answers.items()}
        kept |= {f"target:{name}": array for name, array in self.targets.items()}
        np.savez_compressed(path, allow_pickle=False, **{name: plain(array) for name, array in kept.items()})

    @classmethod
    def read(cls, path: Path) -> "Reference":
        with np.load(path, allow_pickle=False) as kept:
            return cls(*(under(prefix, kept) for prefix in ("input:", "answer:", "target:")))


def under(prefix: str, kept: Mapping[str, np.ndarray]) -> Arrays:
    """The arrays whose names begin with a prefix, by what follows it."""
    return {name.removeprefix(prefix): kept[name] for name in kept if name.startswith(prefix)}


def answer_in_batches(predictor: Predictor, inputs: Arrays, batch: int = BATCH) -> Arrays:
    """Answers to all rows, computed in batches of `batch` rows."""
    rows = len(next(iter(inputs.values())))
    parts = [
        predictor.predict({name: array[start : start + batch] for name, array in inputs.items()})
        for start in range(0, rows, batch)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def fingerprint(named: Named) -> list[dict[str, Any]]:
    """Name, dtype, shape and SHA-256 of each array, in order."""
    return [
        {
            "name": name,
            "dtype": str(array.dtype),
            "shape": list(array.shape),
            "sha256": hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest(),
        }
        for name, array in named
    ]


def not_finite(named: Named) -> dict[str, int]:
    """How many numbers of each array are NaN or infinite, where any are."""
    numbers = {name: plain(array) for name, array in named}
    counts = {name: int((~np.isfinite(one)).sum()) for name, one in numbers.items() if one.dtype.kind == "f"}
    return {name: count for name, count in counts.items() if count}


def describe(model: Any) -> dict[str, Any]:
    """Kind, size, summary, and the fingerprints of weights and optimizer state of a live model."""
    predictor = live_predictor(model)
    weights = predictor.weights()
    return {
        "kind": model_kind(model),
        "parameters": int(sum(array.size for _, array in weights)),
        "summary": summary(model, weights),
        "inputs": [spec.to_json() for spec in predictor.inputs],
        "weight_bytes": sum(array.nbytes for _, array in weights),
        "not_finite": not_finite(weights),
        "weights": fingerprint(weights),
        "optimizer": fingerprint(predictor.optimizer()),
        "traits": traits(model),
    }


def summary(model: Any, weights: Named) -> str:
    """`model.summary()` for Keras; for a tf.Module, its variables as a table of the same kind."""
    if model_kind(model) == "keras":
        lines: list[str] = []
        model.summary(print_fn=lambda line, **_: lines.append(line), line_length=80)
        return "\n".join(lines)
    rows = [f"{name:<40}{array.shape!s:<20}{array.size:>12,}" for name, array in weights]
    total = sum(array.size for _, array in weights)
    return "\n".join(
        [f"tf.Module: {model.name}", f"{'Variable':<40}{'Shape':<20}{'Values':>12}", *rows, f"{total:>72,}"]
    )

"""Result of a benchmark, as it is stored and printed, and the Pareto front: copies that no other beats in all."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import numpy as np
from pydantic import BaseModel, Field

BATCH_SIZES = (1, 32, 256)  # rows in one call
DEFAULT_REPEATS = 5  # fresh children in which everything is measured again
MAX_REPEATS = 100
WARM_UP_LIMITS = (20, 0.2)  # calls, seconds: whichever comes first
TIMED_LIMITS = (200, 0.4)  # the same, of each child and batch size
PERCENTILES = (50, 95, 99)


class RepeatedMeasurement(BaseModel):
    """One number, measured several times: median, bounds, and all values in the order of measuring."""

    median: float
    least: float
    most: float
    values: list[float]

    @classmethod
    def from_values(cls, values: Iterable[float]) -> Self:
        """Raises ValueError when there are none."""
        numbers = [float(value) for value in values]
        return cls(median=float(np.median(numbers)), least=min(numbers), most=max(numbers), values=numbers)


class BatchLatency(BaseModel):
    """Call after call with `batch` rows each, the calls of all children taken together.

    `p50`, `p95` and `p99` are seconds of a call (linear between the two nearest calls, as `numpy.percentile`),
    `medians` the p50 of each child; `per_second` are rows; `processors` is CPU time over wall time: how many of them
    were kept busy. `by_row` says that the artifact takes no such batch, so that it was fed row by row.
    """

    batch: int
    p50: float
    p95: float
    p99: float
    per_second: float
    calls: int
    medians: RepeatedMeasurement
    processors: float
    by_row: bool = False

    @classmethod
    def from_calls(
        cls, batch: int, call_seconds: Sequence[np.ndarray], cpu_seconds: Sequence[float], by_row: bool = False
    ) -> Self:
        """Summarise the seconds of each call, one float64 array (calls,) for each child, and the CPU seconds of each
        child's calls."""
        calls = np.concatenate(call_seconds)
        wall = float(calls.sum())
        return cls(
            **{f"p{percent}": float(np.percentile(calls, percent)) for percent in PERCENTILES},
            batch=batch,
            per_second=batch * len(calls) / wall,
            calls=len(calls),
            medians=RepeatedMeasurement.from_values(np.median(seconds) for seconds in call_seconds),
            processors=sum(cpu_seconds) / wall,
            by_row=by_row,
        )


class ArtifactBenchmark(BaseModel):
    """What one artifact costs, or the `error` that stopped the benchmark.

    Seconds to `save`, to `load`, to the `first` prediction after that, and of both together (`click`); `bytes` on the
    disk. `memory` and `working_memory` are bytes by which the peak of the child's resident memory grew, from the moment
    before the load to the first prediction and to the last one; None where the system does not count it. `remarks` say
    in sentences what a person should know of the numbers; `source` where the code came from that the artifact lacks,
    and `source_words` the same in words.
    """

    artifact: str
    format: str
    trust: str = "ours"
    source: str = "none"
    source_words: str = ""
    bytes: int = 0
    save: RepeatedMeasurement | None = None
    load: RepeatedMeasurement | None = None
    first: RepeatedMeasurement | None = None
    click: RepeatedMeasurement | None = None
    memory: RepeatedMeasurement | None = None
    working_memory: RepeatedMeasurement | None = None
    steady: list[BatchLatency] = Field(default_factory=list)
    remarks: list[str] = Field(default_factory=list)
    error: dict[str, str] | None = None

    def latency_at(self, batch: int) -> BatchLatency | None:
        """The calls with that many rows."""
        return next((latency for latency in self.steady if latency.batch == batch), None)


class BenchmarkMachine(BaseModel):
    """Where it was measured. `cores` are physical, `processors` what the system schedules on; `memory` in bytes.

    `threads` is what each runtime is told to use (None: left to it); `busy` the share of all processors that was in use
    in the moment before, 0 to 1.
    """

    processor: str
    cores: int
    processors: int
    memory: int
    system: str
    threads: dict[str, int | None]
    busy: float
    versions: dict[str, str]

    def describe(self) -> list[str]:
        """The same in sentences."""
        threads = [f"{name}: {count or 'its own choice'}" for name, count in self.threads.items()]
        return [
            f"{self.processor}, {self.cores} cores, {self.processors} threads, {self.memory / 1e9:.0f} GB of memory, "
            f"{self.system}.",
            f"Threads that each runtime is told to use: {', '.join(threads)}.",
            f"Just before, other programs kept {self.busy:.0%} of the processors busy.",
            f"Versions: {', '.join(f'{name} {number}' for name, number in self.versions.items())}.",
        ]


class BenchmarkResult(BaseModel):
    """The result of a benchmark, on disk, on the page and in `--json`: `costs` by artifact, in the order requested."""

    costs: dict[str, ArtifactBenchmark]
    repeats: int
    batches: list[int]
    protocol: list[str]
    machine: BenchmarkMachine


def describe_protocol(repeats: int, batches: Sequence[int] = BATCH_SIZES) -> list[str]:
    """Describe how it is measured, in sentences."""
    *some, last = batches
    sizes = f"{', '.join(map(str, some))} and {last}" if some else str(last)
    return [
        f"Each copy is measured {repeats} time{'s' * (repeats > 1)}, each time in a fresh process, one after another, "
        "with nothing else of Roundtrip's running. Shown are the middle one, the least and the most.",
        "Every process has TensorFlow imported and awake, and has seen no model: importing TensorFlow is not counted, "
        "importing any other runtime is, as part of the load.",
        "Save: the run's model, rebuilt and saved again into a folder that is thrown away; the time of the format "
        "alone, until the system has taken the bytes.",
        "Load: from the files to an object that can be asked; the system has the files in its memory already. "
        "First answer: one row.",
        f"Steady: {sizes} rows a call, the first test examples of the copy's own run. After a warm-up of up to "
        f"{WARM_UP_LIMITS[0]} calls or {WARM_UP_LIMITS[1]:g} s, up to {TIMED_LIMITS[0]} calls or "
        f"{TIMED_LIMITS[1]:g} s in each process; the calls "
        "of all processes are taken together. A copy that takes no such batch is fed row by row.",
        "Memory: how far the peak of the process's resident memory (VmHWM) rose above where it stood before the load, "
        "up to the first answer, and up to the last one. Pages that the process shares with the one that it came from "
        "count before, so what replaces those is not seen.",
        "Size: all files of the copy.",
    ]


NUMBER_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def pareto_front(points: Mapping[str, Sequence[float | None]]) -> list[str]:
    """Return the names of the Pareto front, in the order given; less is better on every axis.

    A point dominates another when it is no worse on any axis and better on at least one. What has a None or a NaN
    cannot be compared with the others, and is left out.
    """
    known = {name: [axis for axis in axes if axis is not None and not np.isnan(axis)] for name, axes in points.items()}
    known = {name: axes for name, axes in known.items() if len(axes) == len(points[name])}
    return [name for name, axes in known.items() if not any(_dominates(other, axes) for other in known.values())]


def pareto_sentence(best: list[str], total: int) -> str:
    """Return which of `total` copies nothing beats, in a sentence of Markdown; the names are Markdown too."""
    if total < 2:
        return "Measure and compare two or more copies of one model to see which of them nothing beats."
    if len(best) == total:
        return f"None of these {_number_word(total)} beats another: each is smaller, faster or closer to the original."
    if len(best) == 1:
        return f"Nothing beats {best[0]}: no other is smaller, faster or closer to the original."
    return (
        f"Nothing beats these {_number_word(len(best))}: {', '.join(best[:-1])} and {best[-1]}. Each of the others is "
        "matched or beaten in size, speed and fidelity by one of them."
    )


def _number_word(number: int) -> str:
    return NUMBER_WORDS[number] if number < len(NUMBER_WORDS) else str(number)


def _dominates(candidate: list[float], other: list[float]) -> bool:
    return candidate != other and all(left <= right for left, right in zip(candidate, other, strict=True))

"""Artifacts that stay loaded and answer together, while a person draws or types."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from core.arrays import Arrays
from core.errors import ChildDied, RoundtripError, TimedOut, WorkerError
from core.explain import translate
from core.jobs.participants import AlignedPredictor, resolve_code_sources, run_id_of
from core.jobs.runner import JobRunner

REFERENCE_ROWS = 8  # reference rows by which renamed outputs are recognised


class LivePrediction(NamedTuple):
    """What one of them answered, by the names of the first one's run, and in how many seconds; or why it did not."""

    outputs: Arrays
    seconds: float
    error: RoundtripError | None = None


class LiveSession:
    """Participants (artifacts' ids, or a run's id for its live model), each loaded in a child of its own.

    Outputs go by the names of the first one's run, in its order. Whoever cannot be loaded says so, and whoever dies
    says so and is loaded again for the next question; the others go on. After `idle` seconds without a question, or
    when others are asked and there is no room for all, the children are ended; the next question loads them again.
    """

    def __init__(
        self, runner: JobRunner, ids: Iterable[str], sources: dict[str, str] | None = None, idle_seconds: float = 300
    ):
        self.ids = list(dict.fromkeys(ids))
        self._runner = runner
        self._idle_seconds = idle_seconds
        self._sources = resolve_code_sources(runner.library, self.ids, sources or {})
        self._reference = runner.library.reference(run_id_of(runner, self.ids[0])).head(REFERENCE_ROWS)
        self._predictors: dict[str, AlignedPredictor | RoundtripError] = {}
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None

    @property
    def is_open(self) -> bool:
        """Whether everybody is loaded, or has said why not."""
        return len(self._predictors) == len(self.ids)

    def open(self) -> None:
        """Load everybody now, side by side, instead of at the first question."""
        self._runner.session_limiter.touch(self)
        with self._lock:
            self._open_missing()

    def _open_missing(self) -> None:
        missing = [id_ for id_ in self.ids if id_ not in self._predictors]
        self._predictors |= self._map_parallel(self._open_predictor, missing)
        self._restart_idle_timer()

    def _map_parallel(self, function: Callable[[str], Any], ids: list[str]) -> dict[str, Any]:
        with ThreadPoolExecutor(max_workers=max(2, self._runner.config.parallel)) as pool:
            return dict(zip(ids, pool.map(function, ids), strict=True))

    def _restart_idle_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_seconds, self.close)
        self._timer.daemon = True
        self._timer.start()

    def _open_predictor(self, id_: str) -> AlignedPredictor | RoundtripError:
        try:
            return AlignedPredictor.load(self._runner, id_, self._sources.get(id_, "none"), self._reference)
        except Exception as error:  # noqa: BLE001  one that does not load is its own sentence; the others go on
            return translate(error, WorkerError)

    def predict(self, inputs: Arrays) -> dict[str, LivePrediction]:
        """Everybody's answers to the same rows, by id, in the order of the ids."""
        self._runner.session_limiter.touch(self)
        with self._lock:
            self._open_missing()
            return self._map_parallel(lambda id_: self._predict_with(id_, inputs), self.ids)

    def _predict_with(self, id_: str, inputs: Arrays) -> LivePrediction:
        member = self._predictors[id_]
        if isinstance(member, RoundtripError):
            return LivePrediction({}, 0.0, member)
        try:
            started = time.perf_counter()
            return LivePrediction(member.predict(inputs), time.perf_counter() - started)
        except (ChildDied, TimedOut) as error:
            member.close()
            del self._predictors[id_]
            return LivePrediction({}, 0.0, error)
        except Exception as error:  # noqa: BLE001  as above
            return LivePrediction({}, 0.0, translate(error, WorkerError))

    def close(self) -> None:
        """End every child."""
        with self._lock:
            members, self._predictors = self._predictors, {}
            if self._timer:
                self._timer.cancel()
        self._runner.session_limiter.remove(self)
        for member in members.values():
            if isinstance(member, AlignedPredictor):
                member.close()

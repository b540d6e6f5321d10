"""Models that stay loaded and predict together, while a person draws or types."""

import threading
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from core.arrays import Arrays
from core.errors import ChildDied, RoundtripError, TimedOut
from core.jobs.execution.job_handle import attempt, map_parallel
from core.jobs.execution.runner import JobRunner
from core.jobs.participants import AlignedPredictor, resolve_code_sources, run_id_of

REFERENCE_ROWS = 8  # reference rows by which renamed outputs are recognised


class LivePrediction(NamedTuple):
    """What a participant predicts, by the names of the first one's run, and in how many seconds; or why it did not."""

    outputs: Arrays
    seconds: float
    error: RoundtripError | None = None


class LiveSession:
    """Participants (artifacts' ids, or a run's id for its live model), each loaded in a child of its own.

    Outputs go by the names of the first one's run, in its order. What cannot be loaded says so, and what dies says so
    and is loaded again for the next prediction; the others go on. After `idle_seconds` without a prediction, or when
    other sessions need the room, the children are ended; the next prediction loads them again.
    """

    def __init__(
        self, runner: JobRunner, ids: Iterable[str], sources: dict[str, str] | None = None, idle_seconds: float = 300
    ):
        self.ids = list(dict.fromkeys(ids))
        self._runner, self._workers, self._idle_seconds = runner, max(2, runner.config.parallel), idle_seconds
        self._sources = resolve_code_sources(runner.library, self.ids, sources or {})
        self._reference = runner.library.reference(run_id_of(runner, self.ids[0])).head(REFERENCE_ROWS)
        self._predictors: dict[str, AlignedPredictor | RoundtripError] = {}
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether every participant is loaded or has failed to."""
        return len(self._predictors) == len(self.ids)

    def has_loaded(self, id_: str) -> bool:
        """Whether a participant is loaded or has failed to."""
        return id_ in self._predictors

    def own_output_names(self, id_: str) -> dict[str, str]:
        """Return how a participant itself calls its outputs, by the run's names; empty while it is not loaded."""
        predictor = self._predictors.get(id_)
        return dict(predictor.output_names) if isinstance(predictor, AlignedPredictor) else {}

    def load(self, ids: Sequence[str] | None = None) -> None:
        """Load all participants now, or those of `ids`, side by side, instead of at the first prediction."""
        self._runner.session_limiter.touch(self)
        with self._lock:
            self._load_missing(ids or self.ids)

    def _load_missing(self, ids: Sequence[str]) -> None:
        missing = [id_ for id_ in ids if id_ not in self._predictors]
        self._predictors |= map_parallel(self._load_predictor, missing, self._workers)
        self._restart_idle_timer()

    def _restart_idle_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_seconds, self.close)
        self._timer.daemon = True
        self._timer.start()

    def _load_predictor(self, id_: str) -> AlignedPredictor | RoundtripError:
        source = self._sources.get(id_, "none")
        return attempt(lambda: AlignedPredictor.load(self._runner, id_, source, self._reference))

    def predict(self, inputs: Arrays, ids: Sequence[str] | None = None) -> dict[str, LivePrediction]:
        """Predict the same rows with every participant, in the order of the ids; or with those of `ids`, in theirs."""
        self._runner.session_limiter.touch(self)
        with self._lock:
            self._load_missing(ids or self.ids)
            return map_parallel(lambda id_: self._predict_with(id_, inputs), ids or self.ids, self._workers)

    def _predict_with(self, id_: str, inputs: Arrays) -> LivePrediction:
        predictor, started = self._predictors[id_], time.perf_counter()
        if isinstance(predictor, RoundtripError):
            return LivePrediction({}, 0.0, predictor)
        outputs = attempt(partial(predictor.predict, inputs))
        if not isinstance(outputs, RoundtripError):
            return LivePrediction(outputs, time.perf_counter() - started)
        if isinstance(outputs, (ChildDied, TimedOut)):
            predictor.close()
            del self._predictors[id_]
        return LivePrediction({}, 0.0, outputs)

    def close(self) -> None:
        """End every child."""
        with self._lock:
            predictors, self._predictors = self._predictors, {}
            if self._timer:
                self._timer.cancel()
        self._runner.session_limiter.remove(self)
        for predictor in predictors.values():
            if isinstance(predictor, AlignedPredictor):
                predictor.close()

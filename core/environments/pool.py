"""Processes of environments that stay warm: what has answered a kit answers the next without importing anything."""

import atexit
import contextlib
import threading
import time
from collections.abc import Iterator

from core.environments.base import Environment
from core.environments.build import BuiltEnvironment, is_unchanged
from core.environments.kits import Kit
from core.environments.process import EnvironmentProcess
from core.environments.replies import KitReply
from core.errors import ChildDied, NotBuilt, NotConfined
from core.settings import Settings
from core.worker.child_handle import CancelCheck, never_cancelled

MAX_PROCESSES = 4  # that wait for a next kit; of more, those used first are ended
Key = tuple[str, str]  # environment, and the kit where that is untrusted: its process is asked no other


class WarmProcesses:
    """Processes of environments by what they may be asked. Safe to use from several threads."""

    def __init__(self, config: Settings):
        self._config = config
        self._lock = threading.Lock()
        self._idle: dict[Key, tuple[EnvironmentProcess, float]] = {}  # with when each was used, the oldest first
        self._timer: threading.Timer | None = None
        atexit.register(self.close)

    def ask(
        self,
        environment: Environment,
        built: BuiltEnvironment,
        kit: Kit,
        is_cancelled: CancelCheck = never_cancelled,
    ) -> KitReply:
        """Predict the inputs of a kit. Raises as `EnvironmentProcess.ask`, and NotBuilt for a changed environment.

        Where a process that had been asked other kits before dies, the kit is asked once more in a new one.
        """
        if kit.is_untrusted and environment.cannot_confine:
            cure = "Ask it in another environment; this one is not used for what was imported."
            raise NotConfined(environment.cannot_confine, received=environment.label, cure=cure)
        with self._borrow(environment, built, kit) as (process, was_warm):
            try:
                return process.ask(kit, self._config.child_seconds, is_cancelled)
            except ChildDied:
                if not was_warm:
                    raise
        with self._borrow(environment, built, kit) as (process, _):
            return process.ask(kit, self._config.child_seconds, is_cancelled)

    @contextlib.contextmanager
    def _borrow(
        self, environment: Environment, built: BuiltEnvironment, kit: Kit
    ) -> Iterator[tuple[EnvironmentProcess, bool]]:
        """A process for this kit, and whether it was warm; afterwards it waits for the next."""
        key = environment.key, kit.identity if kit.is_untrusted else ""
        with self._lock:
            process, _ = self._idle.pop(key, (None, 0.0))
        was_warm = process is not None
        if process is None:
            if not is_unchanged(built):
                cure = f"Remove it (roundtrip environments remove {environment.key}), then build it again."
                raise NotBuilt(
                    "This environment was changed after it was built.", received=environment.label, cure=cure
                )
            process = EnvironmentProcess(self._config, environment, built, kit.is_untrusted)
        try:
            yield process, was_warm
        finally:
            self._give_back(key, process)

    def _give_back(self, key: Key, process: EnvironmentProcess) -> None:
        surplus = []
        if not process.is_running or not self._config.environment_idle_seconds:
            surplus.append(process)
        else:
            with self._lock:
                if previous := self._idle.pop(key, None):
                    surplus.append(previous[0])
                self._idle[key] = process, time.monotonic()
                while len(self._idle) > MAX_PROCESSES:
                    surplus.append(self._idle.pop(next(iter(self._idle)))[0])
                self._start_timer()
        for process in surplus:
            process.close()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._config.environment_idle_seconds, self._close_idle)
            self._timer.daemon = True
            self._timer.start()

    def _close_idle(self) -> None:
        """End what was not used for the time of the settings; look again when the next may be due."""
        oldest = time.monotonic() - self._config.environment_idle_seconds
        with self._lock:
            due = [key for key, (_, used) in self._idle.items() if used <= oldest]
            processes = [self._idle.pop(key)[0] for key in due]
            self._timer = None
            if self._idle:
                self._start_timer()
        for process in processes:
            process.close()

    def close(self, environment: str = "") -> None:
        """End all processes that wait, or those of one environment."""
        with self._lock:
            keys = [key for key in self._idle if environment in ("", key[0])]
            processes = [self._idle.pop(key)[0] for key in keys]
        for process in processes:
            process.close()

    def __enter__(self) -> "WarmProcesses":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

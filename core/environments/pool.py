"""Processes of environments that stay warm: what has answered a kit answers the next without importing anything."""

import atexit
import collections
import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator

from core.environments.base import Environment
from core.environments.build import BuiltEnvironment, is_unchanged
from core.environments.kits import Kit
from core.environments.machines import split_key
from core.environments.process import EnvironmentProcess
from core.environments.replies import KitReply
from core.errors import ChildDied, InputError, NotBuilt, NotConfined
from core.settings import Settings
from core.worker.child_handle import CancelCheck, never_cancelled

MAX_PROCESSES = 4  # that wait for a next kit; of more, those used first are ended
Key = tuple[str, str]  # environment, and the kit where that is untrusted and its process is asked no other


FORKING = "forks"


def _process_of(environment: Environment, kit: Kit) -> str:
    """Which process of an environment a kit is asked in: that of our own kits, the kit's own, or that which forks."""
    if not kit.is_untrusted:
        return ""
    return FORKING if environment.forks else kit.identity


class WarmProcesses:
    """Processes of environments by what they may be asked. Safe to use from several threads."""

    def __init__(self, config: Settings):
        self._config = config
        self._lock = threading.Lock()
        self._idle: dict[Key, tuple[EnvironmentProcess, float]] = {}  # with when each was used, the oldest first
        self._borrowed: collections.Counter[str] = collections.Counter()  # by name of the environment's folder
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
        with contextlib.closing(self.ask_in_turn(environment, built, [kit], is_cancelled)) as replies:
            return next(replies)

    def ask_in_turn(
        self,
        environment: Environment,
        built: BuiltEnvironment,
        kits: Iterable[Kit],
        is_cancelled: CancelCheck = never_cancelled,
    ) -> Generator[KitReply]:
        """Yield the replies to kits of one model, in one process that is lent to nobody else meanwhile: what the first
        has loaded is loaded for the others. Raises as `ask`; to be closed."""
        waiting = iter(kits)
        first = next(waiting)
        if first.is_untrusted and environment.cannot_confine:
            cure = "Ask it in another environment; this one is not used for what was imported."
            raise NotConfined(environment.cannot_confine, received=environment.label, cure=cure)
        with self._borrow(environment, built, first) as (process, was_warm):
            try:
                reply = process.ask(first, self._config.child_seconds, is_cancelled)
            except ChildDied:
                if not was_warm or process.is_running:  # which says that only the process has gone that it had forked
                    raise
            else:
                yield reply
                yield from self._ask_others(process, waiting, is_cancelled)
                return
        with self._borrow(environment, built, first) as (process, _):
            yield from self._ask_others(process, itertools.chain([first], waiting), is_cancelled)

    def _ask_others(
        self, process: EnvironmentProcess, kits: Iterable[Kit], is_cancelled: CancelCheck
    ) -> Iterator[KitReply]:
        return (process.ask(kit, self._config.child_seconds, is_cancelled) for kit in kits)

    @contextlib.contextmanager
    def _borrow(
        self, environment: Environment, built: BuiltEnvironment, kit: Kit
    ) -> Iterator[tuple[EnvironmentProcess, bool]]:
        """A process for this kit, and whether it was warm; afterwards it waits for the next."""
        key = environment.key, _process_of(environment, kit)
        with self._marked(built.folder.name):
            with self._lock:
                process, _ = self._idle.pop(key, (None, 0.0))
            was_warm = process is not None
            process = process or self._start(environment, built, kit.is_untrusted)
            try:
                yield process, was_warm
            finally:
                self._give_back(key, process)

    @contextlib.contextmanager
    def _marked(self, folder_name: str) -> Iterator[None]:
        """Mark an environment as in use."""
        with self._lock:
            self._borrowed[folder_name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._borrowed[folder_name] -= 1

    def prepare(self, environment: Environment, built: BuiltEnvironment) -> None:
        """Start the process in which untrusted kits will be asked, where one serves them all: it imports meanwhile.

        Raises NotBuilt for a changed environment.
        """
        key = environment.key, FORKING
        with self._lock:
            is_there = key in self._idle
        if environment.forks and not is_there:
            self._give_back(key, self._start(environment, built, is_untrusted=True))

    def _start(self, environment: Environment, built: BuiltEnvironment, is_untrusted: bool) -> EnvironmentProcess:
        if not is_unchanged(built):
            key, _ = split_key(environment.key)  # what machines share
            cure = f"Remove it (roundtrip environments remove {key}), then build it again."
            raise NotBuilt("This environment was changed after it was built.", received=environment.label, cure=cure)
        return EnvironmentProcess(self._config, environment, built, is_untrusted)

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

    def close(self) -> None:
        """End all processes that wait."""
        self._close_where(lambda process: True)

    def close_environment(self, environment: Environment) -> None:
        """End the processes that wait in the folder of an environment, which others may share.

        Raises InputError while one of them is asked.
        """
        name = environment.folder_name
        if self._borrowed[name]:
            cure = "Wait until the copies are asked, or cancel that; then remove it."
            raise InputError("Copies are being asked in this environment.", received=environment.label, cure=cure)
        self._close_where(lambda process: process.folder_name == name)

    def _close_where(self, is_meant: Callable[[EnvironmentProcess], bool]) -> None:
        with self._lock:
            keys = [key for key, (process, _) in self._idle.items() if is_meant(process)]
            processes = [self._idle.pop(key)[0] for key in keys]
        for process in processes:
            process.close()

    def __enter__(self) -> "WarmProcesses":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

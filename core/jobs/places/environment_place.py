"""An environment as a place, also on another kind of machine: a copy predicts there by its proof kit, with other rows
than the kit's own."""

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace

from core.arrays import Arrays, to_plain_array
from core.context import AppContext
from core.environments.base import Environment
from core.environments.build import BuiltEnvironment
from core.environments.judge import translate_refusal
from core.environments.kits import Kit
from core.environments.machines import (
    THIS_MACHINE,
    build_asked,
    describe_answering_machine,
    find_asked,
    get_machine,
    split_key,
)
from core.environments.own import HERE
from core.environments.pool import WarmProcesses
from core.environments.replies import KitReply
from core.errors import InputError, UnpairedRows
from core.exports.proof_kit import unpacked_kit
from core.jobs.places.place import EnvironmentNames, PlacedLoad, PlaceFacts, require_placeable
from core.runtimes.base import count_rows
from core.settings import Settings
from core.worker.child_handle import CancelCheck


@dataclass(frozen=True)
class EnvironmentPlace(EnvironmentNames):
    """See `core.jobs.places.place.Place`."""

    @property
    def environments(self) -> tuple[str, ...]:
        key, _ = split_key(self.environment.key)
        return () if key == HERE else (key,)

    def identify(self, context: AppContext) -> str:
        """Another one for another lock, another release of Python, and another machine."""
        _, machine = split_key(self.environment.key)
        return self.environment.folder_name + ("" if machine == THIS_MACHINE else f" {machine}")

    def takes(self, format_key: str) -> bool:
        machine = get_machine(split_key(self.environment.key)[1])
        is_other = machine.key == THIS_MACHINE or machine.limits(self.environment, format_key)
        return format_key in self.environment.takes and is_other

    def size_to_build(self, config: Settings) -> int:
        return 0 if find_asked(config, self.environment) else self.environment.megabytes * 10**6

    @contextlib.contextmanager
    def open(
        self, context: AppContext, artifact_id: str, report: Callable[[float, str], None], is_cancelled: CancelCheck
    ) -> Iterator["EnvironmentCopy"]:
        """Build the environment where it is not, and write the kit of a copy.

        Raises InputError where the copy has no kit, Damaged, and as `build_environment`.
        """
        run = context.library.run(context.library.artifact(artifact_id).run)
        require_placeable(run)
        built = build_asked(context.config, self.environment, report, is_cancelled)
        names = list(context.library.reference(run.id).inputs)
        with unpacked_kit(context.library, artifact_id) as kit:
            yield EnvironmentCopy(context.environment_processes, self.environment, built, kit, names)


class EnvironmentCopy:
    """A copy in an environment. See `core.jobs.places.place.PlacedCopy`."""

    def __init__(
        self,
        processes: WarmProcesses,
        environment: Environment,
        built: BuiltEnvironment,
        kit: Kit,
        input_names: list[str],
    ):
        self._processes, self._environment, self._built, self._kit = processes, environment, built, kit
        self._own_names = dict(zip(input_names, kit.input_dtypes, strict=True))  # a kit keeps the order of its run
        facts = PlaceFacts(key=environment.key, label=environment.label, lock=environment.lock_sha256)
        self.load = PlacedLoad(facts)

    def predict_chunks(self, inputs: Iterable[Arrays], batch: int, is_cancelled: CancelCheck) -> Generator[Arrays]:
        """See `PlacedCopy`. Raises DoesNotLoad where the engine refuses, InputError for predictions that cannot be
        read, and as `WarmProcesses.ask`."""
        waiting: list[int] = []  # rows of the chunk that is being asked
        kits = (self._kit_of(chunk, batch, waiting) for chunk in inputs)
        asked = self._processes.ask_in_turn(self._environment, self._built, kits, is_cancelled)
        first: Arrays = {}
        with contextlib.closing(asked) as replies:
            for reply in replies:
                predictions = self._read(reply, waiting.pop())
                first = first or predictions
                _require_alike(first, predictions)
                yield predictions

    def _kit_of(self, chunk: Arrays, batch: int, waiting: list[int]) -> Kit:
        """The kit with these rows, in the dtypes of the copy, whose predictions may have any shape."""
        names = self._own_names if self._own_names.keys() == chunk.keys() else self._pair_alone(chunk)
        plain = {own: to_plain_array(chunk[name]) for name, own in names.items()}
        dtypes = self._kit.input_dtypes
        rows = {name: array if array.dtype.kind == "U" else array.astype(dtypes[name]) for name, array in plain.items()}
        waiting.append(count_rows(chunk))
        size = self._kit.bytes + sum(array.nbytes for array in rows.values())
        return replace(self._kit, rows=rows, batch=batch, expected=None, bytes=size)

    def _pair_alone(self, chunk: Arrays) -> dict[str, str]:
        """Pair inputs that another run calls otherwise. Raises InputError where there are several."""
        if len(chunk) == len(self._own_names) == 1:
            return dict(zip(chunk, self._own_names.values(), strict=True))
        cure = "Compare copies of one run, or of runs on the same data."
        raise InputError("It takes inputs of other names than were given.", received=", ".join(chunk), cure=cure)

    def _read(self, reply: KitReply, rows: int) -> Arrays:
        if reply.error:
            raise translate_refusal(reply.error)
        self._note(reply)
        for name, array in reply.predictions.items():
            if not array.ndim or len(array) != rows:
                received = f"{name} of shape {array.shape} for {rows:,} rows"
                raise UnpairedRows("Its answers have no row for each row of its inputs.", received=received)
        return reply.predictions

    def _note(self, reply: KitReply) -> None:
        """Note what the process says of itself."""
        if facts := reply.facts:
            notes = [note for note in (self._environment.remark, facts.note) if note]
            is_single = self._kit.is_untrusted and self._environment.forks
            machine = describe_answering_machine(self._environment.variables, is_single)
            changes = {"versions": facts.versions, "device": facts.device, "notes": notes, "machine": machine}
            self.load.place = self.load.place.model_copy(update=changes)
            self.load.load_seconds, self.load.loaded_warm = facts.seconds.get("load"), facts.loads > 1


def _require_alike(first: Arrays, predictions: Arrays) -> None:
    """Raise InputError where a chunk has other outputs than the first."""
    if (expected := _layout(first)) != (received := _layout(predictions)):
        cure = "Ask fewer rows, or leave this place out."
        raise InputError(
            "It gives other outputs from one chunk of rows to the next.",
            received=f"{expected}, then {received}",
            cure=cure,
        )


def _layout(arrays: Arrays) -> dict[str, str]:
    """The kind of each output and the shape of its rows."""
    kinds = {name: "text" if array.dtype.kind in "SU" else array.dtype.name for name, array in arrays.items()}
    return {name: f"{kinds[name]} {array.shape[1:]}" for name, array in arrays.items()}

"""Job: ask models in one environment and then in another, and say what becomes of each."""

import contextlib
import contextvars
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, NotRequired, TypedDict, cast

from core.context import AppContext
from core.environments.base import Environment
from core.environments.build import BuiltEnvironment, build_environment
from core.environments.own import HERE, find_own
from core.errors import InputError, Refused, cleanup_on_error
from core.jobs.execution.given_files import GivenFiles
from core.jobs.execution.job_handle import JobHandle
from core.jobs.upgrades.upgrade_files import lay_out_copy, lay_out_upload
from core.jobs.upgrades.upgrade_model import AskedModel, Item, ModelCheck
from core.library import Library
from core.library.job_store import Job
from core.settings import MB
from core.upgrade.candidates import Candidate, FoundFiles, find_candidates
from core.upgrade.model_files import ModelFiles
from core.upgrade.row_store import RowStore
from core.upgrade.rows import UpgradeRow
from core.upgrade.sides import Crossing, get_side, require_sides
from core.validation.archives import unpack, unpack_all
from core.validation.file_types import display_file_name

CURED_FOLDER = "cured"  # beside a job of a team, by the place of the model among its rows
PROGRESS_ROWS = 20  # that are shown while more models are asked


class UpgradeRequest(TypedDict):
    """In the record of its job: no path of this machine. `source` and `target` are keys of environments."""

    name: str
    copies: list[str]
    source: str
    target: str
    again: bool


class UpgradeResult(TypedDict):
    """The rows as JSON of `UpgradeRow`, how many other files there were, and both environments by their labels and the
    SHA-256 of their locks, which older records do not have."""

    name: str
    source: str
    target: str
    source_label: str
    target_label: str
    source_lock: NotRequired[str]
    target_lock: NotRequired[str]
    others: int
    rows: list[dict[str, Any]]


def build_upgrade_request(
    library: Library, files: GivenFiles, copies: Iterable[str], source: str, target: str, again: bool
) -> UpgradeRequest:
    """Validate what `Jobs.check_upgrade` is given. Raises InputError, UnknownName."""
    require_sides(source, target)
    copies = list(dict.fromkeys(copies))
    for id_ in copies:
        library.artifact(id_)
    if files.model is None and not files.remote and not copies:
        raise InputError("No model was chosen.", cure="Choose a folder or a zip, or copies of the library.")
    if files.model is not None and not files.model.exists():
        cure = "Check its name and place."
        raise InputError("There is no such file or folder.", received=files.model.name, cure=cure)
    name = display_file_name(files.name) if files.model or files.remote else ""
    return {"name": name, "copies": copies, "source": source, "target": target, "again": again}


def run_upgrade(handle: JobHandle) -> UpgradeResult:
    """Ask every model on both sides; one that fails fails alone, and what was asked before is not asked again."""
    with handle.library.staging() as staged:
        return UpgradeWork(handle, staged).execute()


def open_crossing(handle: JobHandle, source: str, target: str) -> Crossing:
    """Build both sides where they are not. Raises as `build_environment`."""
    sides = [get_side(source), get_side(target)]
    built = [_build(handle, side) for side in sides]
    processes = handle.context.environment_processes
    return Crossing(processes, sides[0], built[0], sides[1], built[1], handle.is_cancelled)


def _build(handle: JobHandle, side: Environment) -> BuiltEnvironment:
    if side.key == HERE:
        return find_own(handle.config)
    report = lambda share, note: handle.report_progress(0.0, note, write_now=True)  # noqa: E731
    return build_environment(handle.config, side, report, handle.is_cancelled)


def list_items(handle: JobHandle, staged: Path) -> tuple[list[Item], int]:
    """Return the models to ask, and how many other files there are. Raises InputError, Refused."""
    request, given = cast(UpgradeRequest, handle.request), handle.files
    copies = [Item(_name_copy(handle.library, id_), _lay_out_copy(handle, id_)) for id_ in request["copies"]]
    if given.model is None:
        return copies, 0
    path, refused = given.model, {}
    if given.name.casefold().endswith(".zip") and path.is_file():
        path = staged / "unpacked"
        path.mkdir()
        unpack(given.model, path, handle.config.unpacked_mb * MB)
    elif given.temporary_folder and path.is_dir():  # of uploads, and so ours to change
        refused = unpack_all(path, staged, handle.config.unpacked_mb * MB)
    files = FoundFiles([], 0) if refused and not any(path.iterdir()) else find_candidates(path)
    single = given.name if given.model.is_file() and path == given.model else ""
    items = [_make_item(handle, candidate, single) for candidate in files.candidates]
    items += [Item(name, partial(_refuse, error)) for name, error in refused.items()]
    return [*copies, *items], files.others


def _refuse(error: Refused, folder: Path) -> NoReturn:
    raise error


def _make_item(handle: JobHandle, candidate: Candidate, name: str = "") -> Item:
    named = candidate._replace(name=name or candidate.name)
    return Item(named.name, partial(lay_out_upload, handle.config, named), named.not_asked)


def _lay_out_copy(handle: JobHandle, id_: str) -> Callable[[Path], ModelFiles]:
    return partial(lay_out_copy, handle.config, handle.library, id_)


def _name_copy(library: Library, id_: str) -> str:
    artifact = library.artifact(id_)
    return f"{library.run(artifact.run).name} · {artifact.format} · {id_}"


class UpgradeWork:
    """The work of one job; `staged` is what it was given, unpacked."""

    def __init__(self, handle: JobHandle, staged: Path):
        self.handle, self.staged = handle, staged
        self.request = cast(UpgradeRequest, handle.request)
        self.rows: list[UpgradeRow] = []

    def execute(self) -> UpgradeResult:
        items, others = list_items(self.handle, self.staged)
        crossing = open_crossing(self.handle, self.request["source"], self.request["target"])
        store = RowStore(self.handle.library.home, crossing.source, crossing.target)
        self._ask_all(ModelCheck(self.handle, crossing, store, self.request["again"]), items)
        self._report(1.0, "Done")
        if self.handle.config.is_team:
            self.keep_cured_files(store)
        return {
            "name": self.request["name"],
            "source": crossing.source.key,
            "target": crossing.target.key,
            "source_label": crossing.source.label,
            "target_label": crossing.target.label,
            "source_lock": crossing.source.lock_sha256,
            "target_lock": crossing.target.lock_sha256,
            "others": others,
            "rows": [row.model_dump(mode="json") for row in self.rows],
        }

    def _ask_all(self, check: ModelCheck, items: list[Item]) -> None:
        """Ask the models in turn: each of them after the upgrade while the next one is asked before it."""
        with contextlib.ExitStack() as folders, ThreadPoolExecutor(1, thread_name_prefix="upgrade-before") as ahead:
            begin = partial(self._begin, check, ahead, folders)
            begun = [begin(items[0])]
            for at, item in enumerate(items):
                self._report(at / len(items), item.name)
                begun += map(begin, items[at + 1 : at + 2])
                asked, folder = begun.pop(0)
                with folder, cleanup_on_error(self._report_all):
                    self.rows.append(check.ask_after(asked.result()))

    def _begin(
        self, check: ModelCheck, ahead: ThreadPoolExecutor, folders: contextlib.ExitStack, item: Item
    ) -> tuple["Future[AskedModel]", contextlib.ExitStack]:
        """Have a model asked before the upgrade, in a thread; returns what comes of it, and what holds its folder."""
        held = folders.enter_context(contextlib.ExitStack())
        folder = held.enter_context(self.handle.library.staging())
        return ahead.submit(contextvars.copy_context().run, check.ask_before, item, folder), held

    def keep_cured_files(self, store: RowStore) -> None:
        """Beside the job, from where every machine has them: the store of rows is this one's alone."""
        folder = self.handle.context.job_store.folder(self.handle.job.id) / CURED_FOLDER
        for at, row in enumerate(self.rows):
            if path := store.cured_file(row):
                (folder / str(at)).mkdir(parents=True)
                copy = shutil.copytree if path.is_dir() else shutil.copyfile
                copy(path, folder / str(at) / path.name)

    def _report(self, share: float, note: str) -> None:
        """Record the last rows: all of them, written after each model, would grow with the square of their number."""
        rows = [row.model_dump(mode="json") for row in self.rows[-PROGRESS_ROWS:]]
        self.handle.report_progress(share, note, write_now=True, rows=rows, asked=len(self.rows))

    def _report_all(self) -> None:
        """Record all rows of a job that ends without a result."""
        self.handle.report_progress(write_now=True, rows=[row.model_dump(mode="json") for row in self.rows])


def read_rows(rows: Iterable[dict[str, Any]]) -> list[UpgradeRow]:
    """The rows of a result, or of a job's progress."""
    return [UpgradeRow.model_validate(row) for row in rows]


def find_cured_files(context: AppContext, job: Job) -> dict[str, Path]:
    """Return what was written to cure the models of a finished job, by their names, as far as it is kept."""
    rows = read_rows(job.result.get("rows", []))
    if context.config.is_team:
        folder = context.job_store.folder(job.id) / CURED_FOLDER
        return {row.name: path for at, row in enumerate(rows) for path in (folder / str(at)).glob("*")}
    store = RowStore(context.library.home, get_side(job.request["source"]), get_side(job.request["target"]))
    return {row.name: path for row in rows if (path := store.cured_file(row))}

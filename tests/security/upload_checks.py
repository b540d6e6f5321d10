"""What must hold after each invalid upload, which goes the full way, whatever it is."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from core.errors import error_from_json
from core.jobs import Jobs
from core.library.catalog import sync
from core.library.job_store import Job
from core.settings import PROJECT
from core.validation import RULES
from tests.factories.invalid_hdf5_files import DENSE_CONFIG_JSON
from tests.factories.invalid_runtime_files import make_onnx_model
from tests.factories.targeted_files import Targets, write_upload
from tests.factories.untrusted_files import InvalidUpload, Upload

SECRET_TEXT = "the-secret-of-somebody-else-7f3a"
MAX_MEMORY_GROWTH = 64 * 2**20  # bytes by which one upload may make this process grow, and all of them together
CPU_SECONDS = 4  # of processor for one request to a confined child; by default 30
REQUEST_SECONDS = 20.0  # of the clock; by default 60
MAX_REQUESTS = 4  # of a child at most: content validated, loaded, predicted, and loaded again
LIBRARY_FILES = ("jobs", "catalog.sqlite", ".lock", sync.LOG_FILE)  # what the library writes of itself
VALID_UPLOAD_INTERVAL = 20  # invalid uploads, after which a valid one must come in


class SocketTrap:
    """A socket on this machine that nobody may touch."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/words.txt"

    def is_untouched(self) -> bool:
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


def architecture_parts(made: Upload) -> dict[str, Path]:
    """Weights come with their layers, else their content would not be validated; everything else comes alone."""
    if not made[1].endswith(".weights.h5"):
        return {}
    path = made[0].with_name("layers")
    path.write_bytes(DENSE_CONFIG_JSON)
    return {"architecture": path}


class UploadChecker:
    """The checks after each invalid upload: see `assert_rejected`."""

    def __init__(self, jobs: Jobs, place: Path, trap: SocketTrap):
        self.jobs, self.trap, self.tried, self.growth = jobs, trap, 0, 0
        self.targets = Targets(place / "secret.txt", place / "canary", trap.url)
        self.targets.secret.write_text(SECRET_TEXT)
        self.files = self._list_files()
        self.process = self._forkserver_pid()

    def assert_rejected(self, made: Upload, *codes: str, under: contextlib.AbstractContextManager | None = None) -> Job:
        """Import an upload, `under` some circumstances; assert (1) to (6), and that the error has one of the codes."""
        before, began = psutil.Process().memory_info().rss, time.monotonic()
        demo = "digits-mlp" if made[1] == "c.zip" else None  # checkpoints come with the code that they belong to
        with under or contextlib.nullcontext():
            end = self.jobs.wait(self.jobs.import_model(*made, parts=architecture_parts(made), demo=demo).id)
        self.growth += (growth := psutil.Process().memory_info().rss - before)
        self._check_error(end, codes, made)
        self._check_nothing_stored()
        self._check_targets(end)
        assert max(growth, self.growth) < MAX_MEMORY_GROWTH, "(4) this process has grown"
        assert self._forkserver_pid() == self.process, "(4) the warm process is another one"
        assert self._wait_for_children(10) == [], "(5) a process is left"
        assert time.monotonic() - began < MAX_REQUESTS * REQUEST_SECONDS, "(5) it was not ended in time"
        self.tried += 1
        if self.tried % VALID_UPLOAD_INTERVAL == 0:
            self.assert_valid_upload_accepted(made[0].parent)
        return end

    def assert_valid_upload_accepted(self, folder: Path) -> None:
        """(6) The next good upload works; it is taken away again."""
        made = write_upload(make_onnx_model(ir_version=8).SerializeToString(), "good.onnx", folder)
        end = self.import_upload(made)
        assert end.state == "done", end.error
        assert end.result["verdict"] == "bit-identical"
        assert self._list_files() == self.files

    @contextlib.contextmanager
    def lowered(self, invalid: InvalidUpload) -> Iterator[None]:
        """Apply the limits and lists of an invalid upload in the app, which sends them to its children."""
        before = self.jobs.config, self.jobs.worker.config
        with invalid.lowered(self.jobs.config) as config:
            self.jobs.config = config
            self.jobs.worker.config = self.jobs.worker.config.model_copy(update={"unpacked_mb": config.unpacked_mb})
            try:
                yield
            finally:
                self.jobs.config, self.jobs.worker.config = before

    def import_upload(self, made: Upload) -> Job:
        """Return the finished job of importing this; what came in is taken away again."""
        end = self.jobs.wait(self.jobs.import_model(*made).id)
        if end.state == "done":
            self._remove_import(end)
        return end

    def _remove_import(self, end: Job) -> None:
        self.jobs.library.remove(end.result["run"])
        self.jobs.library.empty_trash(0)

    def _check_error(self, end: Job, codes: tuple[str, ...], made: Upload) -> None:
        if end.state == "done":  # those that come after are not to suffer from it
            self._remove_import(end)
        assert end.state == "failed", f"(1) it was let in: {end.result}"
        assert end.error["code"] in codes, f"(1) {end.error}"
        error = error_from_json(end.error)
        assert "\n" not in error.sentence, "(1) one sentence"
        assert error.sentence.endswith("."), "(1) one sentence"
        assert error.cure, "(1) no word of what to do next"
        for text in (error.sentence, error.received, error.cure, error.detail):
            assert "Traceback" not in text, "(1) a traceback"
            for path in (made[0].parent, self.jobs.library.home, PROJECT):
                assert str(path) not in text, f"(1) a path of this computer: {text}"
        assert (end.title + end.request["name"]).isprintable(), "(1) marks that forge what is read"
        if rule := end.error["code"].partition(":")[2]:
            assert (error.sentence, error.cure) == RULES[rule]

    def _check_nothing_stored(self) -> None:
        assert self._list_files() == self.files, "(2) something remains"
        assert self.jobs.library.ids() == [], "(2) an entry remains"
        assert self.jobs.library.find() == [], "(2) a row of the catalog remains"

    def _list_files(self) -> list[str]:
        """Everything that lies in the library, but for the records of jobs, the library's own books."""
        home = self.jobs.library.home
        paths = (path.relative_to(home).as_posix() for path in home.rglob("*"))
        return sorted(path for path in paths if not path.startswith(LIBRARY_FILES))

    def _check_targets(self, end: Job) -> None:
        assert not self.targets.canary.exists(), "(3) a canary was written"
        assert self.targets.secret.read_text() == SECRET_TEXT, "(3) a file outside was changed"
        assert self.trap.is_untouched(), "(3) the socket was touched"
        record = self.jobs.job_store.folder(end.id)
        content = b"".join(path.read_bytes() for path in record.rglob("*") if path.is_file())
        assert SECRET_TEXT.encode() not in content, "(3) the secret stands in a record"
        assert SECRET_TEXT not in json.dumps(end.error), "(3) the secret stands in a record"

    def _forkserver_pid(self) -> int:
        return self.jobs.worker._process.pid

    def _wait_for_children(self, seconds: float) -> list[str]:
        """Return the processes left under the warm one after so many seconds, without the spares, which have seen
        nothing yet."""
        deadline = time.monotonic() + seconds
        while (left := self._other_children()) and time.monotonic() < deadline:
            os.sched_yield()
        return [str(process) for process in left]

    def _other_children(self) -> list[psutil.Process]:
        worker = self.jobs.worker
        spares = {spare.pid for spare in worker._spares.values() if not spare.has_ended}
        return [child for child in psutil.Process(self.process).children() if child.pid not in spares]

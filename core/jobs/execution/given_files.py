"""`GivenFiles`: files from outside that a job works on, which its record does not hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.library import staging
from core.object_store import RemoteFile

MODEL = "model"  # the name of the file, zip or folder that is the model, or holds several


@dataclass(frozen=True)
class GivenFiles:
    """Files and folders by what they are ("model", "architecture"), and what their owner calls the model.

    `temporary_folder` is one of `core.library.staging` in which they lie, and is deleted when the work is done, or is
    not to be done at all; None where they are somebody's own and stay. What is `remote` the worker that does the job
    fetches: on the server there is no path of it. `discard_kept` deletes at the same time what else is kept for the
    work.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    name: str = ""
    temporary_folder: Path | None = None
    remote: tuple[RemoteFile, ...] = ()
    discard_kept: Callable[[], object] = lambda: None

    @property
    def arguments(self) -> set[str]:
        """The names of all that is there."""
        there = {name for name, path in self.paths.items() if path.exists()}
        return there | {file.argument for file in self.remote}

    @property
    def model(self) -> Path | None:
        return self.paths.get(MODEL)

    @property
    def parts(self) -> dict[str, Path]:
        """What came beside the model."""
        return {name: path for name, path in self.paths.items() if name != MODEL}

    def discard(self) -> None:
        """Delete the temporary folder, and what else was kept."""
        if self.temporary_folder:
            staging.release_staging_folder(self.temporary_folder)
        self.discard_kept()


def give_files(
    path: Path | None,
    name: str,
    temporary_folder: Path | None,
    parts: Mapping[str, Path] | None = None,
    remote: Sequence[RemoteFile] = (),
) -> GivenFiles:
    """The model at a path, if any, with what came beside it."""
    paths = {**({MODEL: path} if path else {}), **(parts or {})}
    return GivenFiles(paths, name or (path.name if path else ""), temporary_folder, tuple(remote))

"""`GivenFiles`: files from outside that a job works on, which its record does not hold."""

from dataclasses import dataclass, field
from pathlib import Path

from core.library import staging

MODEL = "model"  # the name of the file, zip or folder that is the model, or holds several


@dataclass(frozen=True)
class GivenFiles:
    """Files and folders by what they are ("model", "architecture"), and what their owner calls the model.

    `temporary_folder` is one of `core.library.staging` in which they lie, and is deleted when the work is done, or is
    not to be done at all; None where they are somebody's own and stay.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    name: str = ""
    temporary_folder: Path | None = None

    @property
    def model(self) -> Path | None:
        return self.paths.get(MODEL)

    @property
    def parts(self) -> dict[str, Path]:
        """What came beside the model."""
        return {name: path for name, path in self.paths.items() if name != MODEL}

    def discard(self) -> None:
        """Delete the temporary folder."""
        if self.temporary_folder:
            staging.release_staging_folder(self.temporary_folder)

"""The files of one model of an upgrade, from outside or from the library, laid out in a folder of ours."""

import hashlib
from pathlib import Path

from core.environments.kits import read_arrays
from core.errors import NeedsArchitecture
from core.exports.environment_kits import unpacked_kit
from core.formats import get_format
from core.library import Library
from core.settings import Settings
from core.upgrade.finding import Candidate
from core.upgrade.model_files import ARTIFACT_FOLDER, ModelFiles
from core.validation import validate_upload
from core.validation.members import ARCHITECTURE_FILE


def lay_out_upload(config: Settings, candidate: Candidate, folder: Path) -> ModelFiles:
    """Check what may be a model as what is imported, and copy its files.

    Raises Refused, and NeedsArchitecture for weights without their architecture.
    """
    artifact = folder / ARTIFACT_FOLDER
    artifact.mkdir(parents=True)
    parts = {"architecture": candidate.architecture} if candidate.architecture else {}
    upload = validate_upload(candidate.path, Path(candidate.name).name, artifact, config=config, extra_files=parts)
    if get_format(upload.format).needs_architecture and not (artifact / ARCHITECTURE_FILE).is_file():
        cure = (
            "Put the architecture beside it, as model.to_json() writes it, under the same name with the ending .json."
        )
        raise NeedsArchitecture("These are weights alone: numbers without the layers that use them.", cure=cure)
    return ModelFiles(folder, upload.format, _hash(upload.sha256, artifact))


def _hash(sha256: str, artifact: Path) -> str:
    """The hash of an upload, with that of an architecture that lies beside it."""
    path = artifact / ARCHITECTURE_FILE
    return hashlib.sha256(sha256.encode() + path.read_bytes()).hexdigest() if path.is_file() else sha256


def lay_out_copy(library: Library, artifact_id: str, folder: Path) -> ModelFiles:
    """Copy what the proof kit of a copy holds: its files, the code of its model, and the rows that it is asked.

    Raises UnknownName, Damaged, InputError where there is no such kit.
    """
    with unpacked_kit(library, artifact_id) as kit:
        kit.write(folder)
        inputs = read_arrays(folder / "inputs.npz")
        return ModelFiles(folder, kit.format, kit.identity, kit.is_untrusted, inputs)

"""The files of one model of an upgrade, from outside or from the library, laid out in a folder of ours."""

import hashlib
from dataclasses import replace
from pathlib import Path

from core.environments.kits import read_arrays
from core.errors import NeedsArchitecture
from core.exports.proof_kit import unpacked_kit
from core.formats import get_format
from core.library import Library
from core.settings import Settings
from core.upgrade.candidates import Candidate
from core.upgrade.model_files import ARTIFACT_FOLDER, COMPILING_FORMATS, ModelFiles
from core.validation import mlflow_folders, validate_upload
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
    sha256 = _hash(upload.sha256, artifact)
    remarks = (*upload.remarks, *mlflow_folders.describe_folder_around(candidate.path))
    return load_bare_unless_confined(config, ModelFiles(folder, upload.format, sha256, remarks=remarks))


def _hash(sha256: str, artifact: Path) -> str:
    """The hash of an upload, with that of an architecture that lies beside it."""
    path = artifact / ARCHITECTURE_FILE
    return hashlib.sha256(sha256.encode() + path.read_bytes()).hexdigest() if path.is_file() else sha256


def lay_out_copy(config: Settings, library: Library, artifact_id: str, folder: Path) -> ModelFiles:
    """Copy what the proof kit of a copy holds: its files, the code of its model, and the rows that it is asked.

    Raises UnknownName, Damaged, InputError where there is no such kit.
    """
    with unpacked_kit(library, artifact_id) as kit:
        kit.write(folder)
        inputs = read_arrays(folder / "inputs.npz")
        return load_bare_unless_confined(config, ModelFiles(folder, kit.format, kit.identity, kit.is_untrusted, inputs))


def load_bare_unless_confined(config: Settings, model: ModelFiles) -> ModelFiles:
    """Return how a model is to be loaded: what came from outside with its compile settings only where it is confined.

    Its hash is another then, as its row is.
    """
    is_plain = model.format not in COMPILING_FORMATS
    if is_plain or not (model.is_untrusted and config.run_unconfined):
        return model
    sha256 = hashlib.sha256(f"{model.sha256} compile=False".encode()).hexdigest()
    return replace(model, sha256=sha256, compiles=False)

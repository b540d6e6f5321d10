"""Proof kits: a copy with all that is needed to check its predictions without Roundtrip; unpacked for environments."""

import contextlib
import hashlib
import inspect
import json
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from core.arrays import encode_npz
from core.environments.judge import EnvironmentAnswer
from core.environments.kits import Kit, read_arrays, read_kit
from core.evidence.records import Evidence
from core.exports import kit_contents, kit_verify
from core.exports.archive import (
    ArchivePiece,
    StreamedArchive,
    archive_members,
    piece_sha256,
    verify_artifact_files,
    write_archive,
)
from core.exports.download_names import name_of_artifact
from core.exports.flat_structure import is_flat_model
from core.exports.kit_answers import (
    describe_answers,
    find_source,
    judge_against,
    list_answer_members,
    require_same_rows,
)
from core.exports.kit_conditions import Copy, KitConditions, find_copy, make_code, require_proof
from core.exports.kit_contents import ProofData, select_elsewhere, select_proof_data
from core.exports.missing_parts import ARCHITECTURE_FILE, read_architecture, write_weights
from core.formats.base import Format
from core.library import Artifact, Library, Run, integrity
from core.library.integrity import VerifiedFile, verify_file
from core.library.storage import size_on_disk
from core.runtimes.reference import Reference

KIT_SCHEMA_VERSION = 1


def build_proof_kit(
    library: Library, artifact_id: str, answers: Sequence[EnvironmentAnswer] = (), is_to_ask: bool = False
) -> StreamedArchive:
    """Build the kit of an artifact as a zip of one folder, the same bytes each time; `answers` are what environments
    answered to its rows, which it carries along.

    What is expected of a copy that did not load here is what the best of these answers say, which have to be those of
    the model. Where it `is_to_ask` environments, it needs none: they are compared with the model itself.

    Raises UnknownName, Damaged; InputError where the format has no kit, a kit would prove nothing, or an answer is to
    other rows.
    """
    copy = find_copy(library, artifact_id)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(library.staging())
        members = _kit_members(library, copy, folder, answers, is_to_ask)
        name = f"{name_of_artifact(library, copy.artifact.id)}-kit"
        named = {f"{name}/{path}": piece for path, piece in members.items()}
        archive = archive_members(library, named, f"{name}.zip")
        archive.add_resource(stack.pop_all())
        return archive


def _kit_members(
    library: Library, copy: Copy, folder: Path, answers: Sequence[EnvironmentAnswer], is_to_ask: bool
) -> dict[str, ArchivePiece]:
    """Return the members of a kit by path: texts, then files and arrays."""
    artifact, run, format_, evidence = copy
    parameters = copy.loader_parameters
    files = verify_artifact_files(library, artifact.id)
    layers = (files.get(ARCHITECTURE_FILE) or read_architecture(library, run)) if copy.lacks_half else None
    proof_data, answers = _choose_expected(library, copy, answers, is_to_ask)
    is_flat = is_flat_model(library, run, proof_data)
    format_ = replace(format_, kit=format_.standalone.for_structure(is_flat=is_flat))
    stored: dict[str, ArchivePiece] = {f"{kit_contents.ARTIFACT_FOLDER}/{path}": file for path, file in files.items()}
    stored |= {"inputs.npz": encode_npz(proof_data.inputs), "expected.npz": encode_npz(proof_data.expected)}
    require_same_rows(answers, piece_sha256(stored["inputs.npz"]))
    stored |= list_answer_members(answers)
    code = make_code(library, copy)
    if layers:
        stored.pop(f"{kit_contents.ARTIFACT_FOLDER}/{ARCHITECTURE_FILE}", None)
        stored[ARCHITECTURE_FILE] = layers
    weights = write_weights(library, run, folder) if "weights" in parameters else None
    if weights:
        stored[weights.name] = _verify_new_file(weights)
    packages = kit_contents.required_packages(artifact, format_, code, proof_data.source)
    signature = run.brought.get("signature", "") if artifact.id == run.brought.get("artifact") else ""
    conditions = KitConditions(copy._replace(format=format_), code)
    texts = {
        "README.md": kit_contents.render_readme(conditions, proof_data, packages, answers),
        "requirements.txt": kit_contents.render_requirements(artifact, packages, proof_data.source),
        "load.py": kit_contents.render_load_script(
            format_, code, weights.name if weights else "", signature, is_one_call=proof_data.is_one_call
        ),
        "verify.py": inspect.getsource(kit_verify),
        **({"model.py": code.text} if code else {}),
        "kit.json": _kit_json(artifact, run, format_, evidence, proof_data, stored, packages, answers),
    }
    return {name: text.encode() for name, text in texts.items()} | stored


def _choose_expected(
    library: Library, copy: Copy, answers: Sequence[EnvironmentAnswer], is_to_ask: bool
) -> tuple[ProofData, Sequence[EnvironmentAnswer]]:
    """Return inputs with what is expected, and the answers of environments as they are beside that.

    Raises InputError where a kit would prove nothing.
    """
    is_elsewhere = copy.is_expected_elsewhere
    source = find_source(answers) if is_elsewhere else None
    if not source and not (is_elsewhere and is_to_ask):
        return _select_proof_data(library, copy), answers
    proof_data = select_elsewhere(_cut_reference(library, copy.run), source)
    return proof_data, judge_against(answers, proof_data.expected)


def _select_proof_data(library: Library, copy: Copy) -> ProofData:
    """Return inputs and expected outputs; a copy that the kit itself completes is as exact as the model."""
    outcome = require_proof(copy)
    completed = "weights" in copy.loader_parameters
    proof_data = select_proof_data(_cut_reference(library, copy.run), None if completed else outcome)
    return proof_data.as_one_call() if copy.is_one_call else proof_data


def _cut_reference(library: Library, run: Run) -> Reference:
    """The reference, of one row where the rows of one call would change each other's answers."""
    reference = library.reference(run.id)
    is_alone = run.brought.get("one_row") or run.brought.get("row_is_call") or run.is_asked_as_sequence
    return reference.head(1) if is_alone else reference  # a kit asks all of its rows in one call


def _verify_new_file(path: Path) -> VerifiedFile:
    return verify_file(path.parent, integrity.make_file_entry(path, path.parent))


def _kit_json(
    artifact: Artifact,
    run: Run,
    format_: Format,
    evidence: Evidence,
    proof_data: ProofData,
    stored: dict[str, ArchivePiece],
    packages: dict[str, str],
    answers: Sequence[EnvironmentAnswer],
) -> str:
    """Return `kit.json`, which `verify.py` reads."""
    hashes = {name: piece_sha256(piece) for name, piece in stored.items()}
    facts = {
        "schema": KIT_SCHEMA_VERSION,
        "artifact": artifact.id,
        "run": run.id,
        "format": artifact.format,
        "trust": artifact.trust,
        "created": artifact.created,
        "verdict": evidence.best.verdict.value,
        "runs_code": format_.standalone.runs_code,
        "rows": proof_data.rows,
        "tolerance": proof_data.tolerance,
        **({"expected_by": proof_data.expected_by} if proof_data.expected_by else {}),
        "versions": packages,
        "files": hashes,
        **({"elsewhere": describe_answers(answers, proof_data.source)} if answers else {}),
    }
    return json.dumps(facts, indent=2) + "\n"


@contextlib.contextmanager
def unpacked_kit(library: Library, artifact_id: str) -> Iterator[Kit]:
    """The kit of an artifact, which lies on the disk as long as this lasts: also of one that did not load here.

    Raises UnknownName, Damaged, InputError where the format has no kit, or a kit would prove nothing.
    """
    run = library.run(library.artifact(artifact_id).run)
    with library.staging() as staged:
        folder = _unpack(library, artifact_id, staged)
        facts, inputs = read_kit(folder), read_arrays(folder / "inputs.npz")
        identity = hashlib.sha256(f"{artifact_id} {library.fingerprint(artifact_id)}".encode()).hexdigest()[:16]
        yield Kit(
            identity=identity,
            format=str(facts["format"]),
            expected=read_arrays(folder / "expected.npz"),
            write=partial(shutil.copytree, folder),
            bytes=size_on_disk(folder),
            is_untrusted=facts["trust"] != "ours",
            classes=bool(run.labels) or None,
            inputs_sha256=str(facts["files"]["inputs.npz"]),
            input_dtypes={name: array.dtype for name, array in inputs.items()},
        )


def _unpack(library: Library, artifact_id: str, staged: Path) -> Path:
    """Unpack a kit below a folder of ours; returns its own folder."""
    with build_proof_kit(library, artifact_id, is_to_ask=True) as archive:
        path = staged / archive.name
        write_archive(archive, path)
    with zipfile.ZipFile(path) as packed:
        packed.extractall(staged)
    path.unlink()
    return staged / path.stem

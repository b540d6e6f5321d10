"""Proof kits: a copy with all that anybody needs to see, without Roundtrip, that it answers as it did."""

import contextlib
import inspect
import json
from dataclasses import replace
from pathlib import Path

from core.evidence import Evidence
from core.exports import kit_contents, verify
from core.exports.archive import ArchivePiece, StreamedArchive, archive_members, piece_sha256, verify_artifact_files
from core.exports.kit_contents import ProofData, encode_npz, require_provable, select_proof_data
from core.exports.model_code import ARCHITECTURE_FILE, make_model_script, read_architecture, write_weights
from core.formats import get_format
from core.formats.base import Format
from core.library import Artifact, Library, Run, storage
from core.library.integrity import VerifiedFile, verify_file
from core.worker.model_loading import demo_of_source

KIT_SCHEMA_VERSION = 1


def build_proof_kit(library: Library, artifact_id: str) -> StreamedArchive:
    """The kit of an artifact, as a zip of one folder; the same bytes whenever it is asked for.

    Raises UnknownName, Damaged; InputError where the format has no kit, or a kit would prove nothing.
    """
    artifact, evidence = library.artifact(artifact_id), library.evidence(artifact_id)
    one, run = get_format(artifact.format), library.run(artifact.run)
    one = replace(one, kit=one.standalone.for_trust(artifact.trust))
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(library.staging())
        members = _kit_members(library, artifact, run, one, evidence, folder)
        named = {f"kit-{artifact.id}/{name}": piece for name, piece in members.items()}
        parcel = archive_members(library, named, f"kit-{artifact.id}-{artifact.format}.zip")
        parcel.add_resource(stack.pop_all())
        return parcel


def _kit_members(
    library: Library, artifact: Artifact, run: Run, format_: Format, evidence: Evidence, folder: Path
) -> dict[str, ArchivePiece]:
    taken = set(inspect.signature(format_.standalone.load).parameters)
    question = _select_proof_data(library, run, format_, evidence, taken)
    kept: dict[str, ArchivePiece] = {
        f"{kit_contents.ARTIFACT_FOLDER}/{path}": file
        for path, file in verify_artifact_files(library, artifact.id).items()
    }
    kept |= {"inputs.npz": encode_npz(question.inputs), "expected.npz": encode_npz(question.expected)}
    code = make_model_script(run, taken & {"classes", "build"}, library, evidence.needs_code)
    if "build" in taken and demo_of_source(run.code_source) is None:
        stored = f"{kit_contents.ARTIFACT_FOLDER}/{ARCHITECTURE_FILE}"
        kept[ARCHITECTURE_FILE] = kept.pop(stored) if stored in kept else read_architecture(library, run)
    numbers = write_weights(library, run, folder) if "weights" in taken else None
    if numbers:
        kept[numbers.name] = _verify_new_file(numbers)
    wanted = kit_contents.required_packages(artifact, format_, code)
    signature = run.brought.get("signature", "") if artifact.id == run.brought.get("artifact") else ""
    said = {
        "README.md": kit_contents.render_readme(artifact, run, format_, evidence, question, code, wanted),
        "requirements.txt": kit_contents.render_requirements(artifact, wanted),
        "load.py": kit_contents.render_load_script(format_, code, numbers.name if numbers else "", signature),
        "verify.py": inspect.getsource(verify),
        **({"model.py": code.text} if code else {}),
        "kit.json": _kit_json(artifact, run, format_, evidence, question, kept, wanted),
    }
    return {name: text.encode() for name, text in said.items()} | kept


def _select_proof_data(
    library: Library, run: Run, format_: Format, evidence: Evidence, loader_parameters: set[str]
) -> ProofData:
    """What is asked and expected; a copy that the kit itself completes is as exact as the model."""
    reference, outcome = library.reference(run.id), evidence.best
    if "build" in loader_parameters and demo_of_source(run.code_source) is None:  # half a model, which was never asked
        return select_proof_data(reference, None)
    require_provable(outcome, format_.label)
    return select_proof_data(reference, None if "weights" in loader_parameters else outcome)


def _verify_new_file(path: Path) -> VerifiedFile:
    return verify_file(path.parent, storage.make_file_entry(path, path.parent))


def _kit_json(
    artifact: Artifact,
    run: Run,
    format_: Format,
    evidence: Evidence,
    proof_data: ProofData,
    stored: dict[str, ArchivePiece],
    packages: dict[str, str],
) -> str:
    """`kit.json`: what `verify.py` reads, and what other programs may want to know."""
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
        "versions": packages,
        "files": hashes,
    }
    return json.dumps(facts, indent=2) + "\n"

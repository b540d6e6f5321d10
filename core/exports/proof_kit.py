"""Proof kits: a copy with all that is needed to check its predictions without Roundtrip."""

import contextlib
import inspect
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from core.arrays import encode_npz
from core.compare.verdict import Verdict
from core.environments.base import KERAS_FORMATS
from core.environments.judge import EnvironmentAnswer
from core.errors import InputError
from core.evidence.records import Evidence, ReloadOutcome
from core.exports import kit_contents, kit_verify
from core.exports.archive import ArchivePiece, StreamedArchive, archive_members, piece_sha256, verify_artifact_files
from core.exports.download_names import name_of_artifact
from core.exports.flat_structure import is_flat_model
from core.exports.kit_answers import (
    describe_answers,
    find_source,
    judge_against,
    list_answer_members,
    require_same_rows,
)
from core.exports.kit_contents import ProofData, select_elsewhere, select_proof_data
from core.exports.missing_parts import ARCHITECTURE_FILE, make_model_script, read_architecture, write_weights
from core.formats import get_format
from core.formats.base import Format
from core.library import Artifact, Library, Run, integrity
from core.library.integrity import VerifiedFile, verify_file
from core.runtimes.reference import Reference
from core.worker.model_loading import demo_of_source

KIT_SCHEMA_VERSION = 1


class Copy(NamedTuple):
    """The copy that a kit is made of, and what is known of it."""

    artifact: Artifact
    run: Run
    format: Format
    evidence: Evidence

    @property
    def loader_parameters(self) -> set[str]:
        return set(inspect.signature(self.format.standalone.load).parameters)


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
    artifact, evidence = library.artifact(artifact_id), library.evidence(artifact_id)
    format_, run = get_format(artifact.format), library.run(artifact.run)
    format_ = replace(format_, kit=format_.standalone.for_trust(artifact.trust))
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(library.staging())
        members = _kit_members(library, Copy(artifact, run, format_, evidence), folder, answers, is_to_ask)
        name = f"{name_of_artifact(library, artifact.id)}-kit"
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
    layers = (files.get(ARCHITECTURE_FILE) or read_architecture(library, run)) if _lacks_half(run, parameters) else None
    proof_data, answers = _choose_expected(library, copy, answers, is_to_ask)
    is_flat = is_flat_model(library, run, proof_data)
    format_ = replace(format_, kit=format_.standalone.for_structure(is_flat=is_flat))
    stored: dict[str, ArchivePiece] = {f"{kit_contents.ARTIFACT_FOLDER}/{path}": file for path, file in files.items()}
    stored |= {"inputs.npz": encode_npz(proof_data.inputs), "expected.npz": encode_npz(proof_data.expected)}
    require_same_rows(answers, piece_sha256(stored["inputs.npz"]))
    stored |= list_answer_members(answers)
    needs_code = evidence.needs_code or (_is_expected_elsewhere(copy) and evidence.with_code is not None)
    code = make_model_script(run, parameters & {"classes", "build"}, library, needs_code)
    if layers:
        stored.pop(f"{kit_contents.ARTIFACT_FOLDER}/{ARCHITECTURE_FILE}", None)
        stored[ARCHITECTURE_FILE] = layers
    weights = write_weights(library, run, folder) if "weights" in parameters else None
    if weights:
        stored[weights.name] = _verify_new_file(weights)
    packages = kit_contents.required_packages(artifact, format_, code, proof_data.source)
    signature = run.brought.get("signature", "") if artifact.id == run.brought.get("artifact") else ""
    texts = {
        "README.md": kit_contents.render_readme(artifact, run, format_, evidence, proof_data, code, packages, answers),
        "requirements.txt": kit_contents.render_requirements(artifact, packages, proof_data.source),
        "load.py": kit_contents.render_load_script(format_, code, weights.name if weights else "", signature),
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
    is_elsewhere = _is_expected_elsewhere(copy)
    source = find_source(answers) if is_elsewhere else None
    if not source and not (is_elsewhere and is_to_ask):
        return _select_proof_data(library, copy), answers
    proof_data = select_elsewhere(_cut_reference(library, copy.run), source)
    return proof_data, judge_against(answers, proof_data.expected)


def _select_proof_data(library: Library, copy: Copy) -> ProofData:
    """Return inputs and expected outputs; a copy that the kit itself completes is as exact as the model."""
    _, run, format_, evidence = copy
    loader_parameters = copy.loader_parameters
    reference, outcome = _cut_reference(library, run), evidence.best
    if _lacks_half(run, loader_parameters) and not outcome.has_loaded:
        outcome = _require_completed(evidence, format_.label)
    require_provable(outcome, format_.label)
    proof_data = select_proof_data(reference, None if "weights" in loader_parameters else outcome)
    return proof_data.as_one_call() if run.brought.get("row_is_call") else proof_data


def _is_expected_elsewhere(copy: Copy) -> bool:
    """Whether what a copy must answer can come from an environment only: it is whole, did not load here, and is called
    there by the names that its run has."""
    is_whole = not _lacks_half(copy.run, copy.loader_parameters) and not copy.run.brought.get("row_is_call")
    did_not_load = copy.evidence.best.verdict is Verdict.DOES_NOT_LOAD
    return is_whole and copy.artifact.format in KERAS_FORMATS and did_not_load


def _cut_reference(library: Library, run: Run) -> Reference:
    """The reference, of one row where the rows of one call would change each other's answers."""
    reference = library.reference(run.id)
    is_alone = run.brought.get("one_row") or run.brought.get("row_is_call") or run.is_asked_as_sequence
    return reference.head(1) if is_alone else reference  # a kit asks all of its rows in one call


def _lacks_half(run: Run, loader_parameters: set[str]) -> bool:
    """Whether a kit completes the copy from what its run stores, as no demo's code builds its layers."""
    return "build" in loader_parameters and demo_of_source(run.code_source) is None


def _require_completed(evidence: Evidence, label: str) -> ReloadOutcome:
    """Return what half a model showed with the layers of its run. Raises InputError where it was never tried."""
    if evidence.completed is None:
        raise InputError(
            "This copy is half a model, and was never tried with its other half, so a kit would prove nothing.",
            received=label,
            cure="Save the model in this format once more, and take the kit of that copy.",
        )
    return evidence.completed


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


def require_provable(outcome: ReloadOutcome, label: str) -> None:
    """Raise InputError where a kit could prove nothing: the copy did not load, or cannot be compared."""
    if outcome.verdict is Verdict.NOT_RUN:
        raise InputError(
            "This file was imported and kept, and nothing has run it yet, so a kit would prove nothing.",
            received=label,
            cure="Run it first, or download the files as they are.",
        )
    if outcome.verdict is Verdict.NOT_VERIFIED:
        raise InputError(
            "This copy was not verified here, so a kit would prove nothing.",
            received=f"{label}. {(outcome.error or {}).get('sentence', '')}".strip().removesuffix("."),
            cure="Raise the setting that its evidence names and save it again, or download the files as they are.",
        )
    if not outcome.has_loaded:
        why = (outcome.error or {}).get("sentence", "")
        raise InputError(
            "This copy did not come back when it was tried, so a kit would prove nothing.",
            received=f"{label}. {why}".strip().removesuffix("."),
            cure="Ask it in an environment in which it loads, and take the kit with its answers (roundtrip kit ID --in "
            "ENV), take a copy in another format, or download the files as they are.",
        )
    if outcome.max_abs is None or (outcome.not_finite and outcome.changed_rows):
        raise InputError(
            "What this copy answers cannot be compared with the model's answers, so a kit would prove nothing.",
            received=outcome.warning or outcome.verdict.label,
            cure="Take a copy in another format, or download the files as they are.",
        )

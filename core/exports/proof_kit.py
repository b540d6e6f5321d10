"""Proof kits: a copy with all that anybody needs to see, without Roundtrip, that it answers as it did."""

import contextlib
import inspect
import json
from dataclasses import replace
from pathlib import Path

from core.errors import InputError
from core.evidence import Evidence
from core.exports import kit_contents, verify
from core.exports.archive import Parcel, Piece, files_of, sha256_of, zipped
from core.exports.kit_contents import Asked, asked, npz, require_provable
from core.exports.model_code import ARCHITECTURE, architecture_of, code_of, write_numbers
from core.formats import get_format
from core.formats.base import Format
from core.library import Artifact, Library, Run, storage
from core.library.integrity import Checked, checked
from core.worker.model_loading import demo_of

SCHEMA = 1


def proof_kit(library: Library, artifact_id: str) -> Parcel:
    """The kit of an artifact, as a zip of one folder; the same bytes whenever it is asked for.

    Raises UnknownName, Damaged; InputError where the format has no kit, or a kit would prove nothing.
    """
    artifact, evidence = library.artifact(artifact_id), library.evidence(artifact_id)
    one, run = get_format(artifact.format), library.run(artifact.run)
    if one.kit is None:
        raise InputError(
            f"The format {one.label} says nothing of how to load it without Roundtrip.",
            cure="Download the files as they are.",
        )
    one = replace(one, kit=one.kit.of(artifact.trust))
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(library.staging())
        members = _members(library, artifact, run, one, evidence, folder)
        named = {f"kit-{artifact.id}/{name}": piece for name, piece in members.items()}
        parcel = zipped(library, named, f"kit-{artifact.id}-{artifact.format}.zip")
        parcel.holds(stack.pop_all())
        return parcel


def _members(
    library: Library, artifact: Artifact, run: Run, one: Format, evidence: Evidence, folder: Path
) -> dict[str, Piece]:
    taken = set(inspect.signature(one.kit.load).parameters)
    question = _question(library, run, one, evidence, taken)
    kept: dict[str, Piece] = {
        f"{kit_contents.FOLDER}/{path}": file for path, file in files_of(library, artifact.id).items()
    }
    kept |= {"inputs.npz": npz(question.inputs), "expected.npz": npz(question.expected)}
    code = code_of(run, taken & {"classes", "build"}, library, evidence.needs_code)
    if "build" in taken and demo_of(run.source) is None:
        kept[ARCHITECTURE] = kept.pop(f"{kit_contents.FOLDER}/{ARCHITECTURE}", None) or architecture_of(library, run)
    numbers = write_numbers(library, run, folder) if "weights" in taken else None
    if numbers:
        kept[numbers.name] = _fresh(numbers)
    wanted = kit_contents.needed(artifact, one, code)
    signature = run.brought.get("signature", "") if artifact.id == run.brought.get("artifact") else ""
    said = {
        "README.md": kit_contents.readme(artifact, run, one, evidence, question, code, wanted),
        "requirements.txt": kit_contents.requirements(artifact, wanted),
        "load.py": kit_contents.load_text(one, code, numbers.name if numbers else "", signature),
        "verify.py": inspect.getsource(verify),
        **({"model.py": code.text} if code else {}),
        "kit.json": _facts(artifact, run, one, evidence, question, kept, wanted),
    }
    return {name: text.encode() for name, text in said.items()} | kept


def _question(library: Library, run: Run, one: Format, evidence: Evidence, taken: set[str]) -> Asked:
    """What is asked and expected; a copy that the kit itself completes is as exact as the model."""
    reference, outcome = library.reference(run.id), evidence.best
    if "build" in taken and demo_of(run.source) is None:  # half a model, which was never asked
        return asked(reference, None)
    require_provable(outcome, one.label)
    return asked(reference, None if "weights" in taken else outcome)


def _fresh(path: Path) -> Checked:
    return checked(path.parent, storage.entry(path, path.parent))


def _facts(
    artifact: Artifact,
    run: Run,
    one: Format,
    evidence: Evidence,
    question: Asked,
    kept: dict[str, Piece],
    wanted: dict[str, str],
) -> str:
    """`kit.json`: what `verify.py` reads, and what other programs may want to know."""
    hashes = {name: sha256_of(piece) for name, piece in kept.items()}
    facts = {
        "schema": SCHEMA,
        "artifact": artifact.id,
        "run": run.id,
        "format": artifact.format,
        "trust": artifact.trust,
        "created": artifact.created,
        "verdict": evidence.best.verdict.value,
        "runs_code": one.kit.runs_code,
        "rows": question.rows,
        "tolerance": question.tolerance,
        "versions": wanted,
        "files": hashes,
    }
    return json.dumps(facts, indent=2) + "\n"

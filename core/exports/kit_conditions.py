"""What a copy must have shown for a proof kit, and what a person must know or do before its lines run."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from core.compare.verdict import Verdict
from core.environments.base import KERAS_FORMATS
from core.errors import InputError, RoundtripError
from core.evidence.records import Evidence, ReloadOutcome
from core.exports.missing_parts import ARCHITECTURE_FILE, ModelScript, make_model_script, read_architecture
from core.formats import get_format
from core.formats.base import Format
from core.library import Artifact, Library, Run
from core.worker.model_loading import demo_of_source


class Copy(NamedTuple):
    """The copy that a kit is made of, and what is known of it."""

    artifact: Artifact
    run: Run
    format: Format
    evidence: Evidence

    @property
    def loader_parameters(self) -> set[str]:
        return set(inspect.signature(self.format.standalone.load).parameters)

    @property
    def is_one_call(self) -> bool:
        """Whether its model has no axis for rows."""
        return bool(self.run.brought.get("row_is_call"))

    @property
    def lacks_half(self) -> bool:
        """Whether a kit completes it from what its run stores, as no demo's code builds its layers."""
        return "build" in self.loader_parameters and demo_of_source(self.run.code_source) is None

    @property
    def is_expected_elsewhere(self) -> bool:
        """Whether what it must answer can come from an environment only: it is whole, did not load here, and is called
        there by the names that its run has."""
        did_not_load = self.evidence.best.verdict is Verdict.DOES_NOT_LOAD
        is_whole = not self.lacks_half and not self.is_one_call
        return is_whole and self.artifact.format in KERAS_FORMATS and did_not_load


class KitConditions(NamedTuple):
    """A copy of which there is a kit, and the `model.py` in it, where it has one."""

    copy: Copy
    code: ModelScript | None


def find_copy(library: Library, artifact_id: str) -> Copy:
    """Find a copy, with the loader for its trust. Raises UnknownName; InputError where its format has no kit."""
    artifact = library.artifact(artifact_id)
    format_ = get_format(artifact.format)
    format_ = replace(format_, kit=format_.standalone.for_trust(artifact.trust))
    return Copy(artifact, library.run(artifact.run), format_, library.evidence(artifact_id))


def find_kit_conditions(library: Library, artifact_id: str) -> KitConditions | None:
    """Find what a kit of a copy asks of a person; None where there is no kit but with what environments answered."""
    try:
        copy = find_copy(library, artifact_id)
        require_proof(copy)
        if copy.lacks_half and all(file.path != ARCHITECTURE_FILE for file in copy.artifact.files):
            read_architecture(library, copy.run)
        return KitConditions(copy, make_code(library, copy))
    except RoundtripError:
        return None


def make_code(library: Library, copy: Copy) -> ModelScript | None:
    """Return the `model.py` of a kit; None where its loader needs none."""
    evidence = copy.evidence
    needs_code = evidence.needs_code or (copy.is_expected_elsewhere and evidence.with_code is not None)
    return make_model_script(copy.run, copy.loader_parameters & {"classes", "build"}, library, needs_code)


def list_warnings(conditions: KitConditions, escape: Callable[[str], str]) -> list[str]:
    """Return as Markdown what a person must know or do before a kit is run; `escape` is for names in it."""
    (_, run, format_, _), code = conditions
    paragraphs = []
    if format_.standalone.runs_code:
        paragraphs.append(
            "**Loading this format runs whatever code is in the file, with your rights, before anything can be "
            "checked. Load it only if you know from whom it is.** `verify.py` holds it against its hash first; who can "
            "change the file can change the hash."
        )
    if run.trust == "brought in":
        paragraphs.append("**This model was imported: what loads it may run what its author put into it.**")
    if code and code.missing_classes:
        paragraphs.append(
            f"**Before it runs: put your own classes ({', '.join(map(escape, code.missing_classes))}) into "
            "`model.py`.** They are code of your program, and in no file of this format."
        )
    return paragraphs


def describe_model_script(code: ModelScript | None) -> list[str]:
    """Return the sentence on a `model.py` to which nothing needs to be added, if there is one."""
    is_whole = code and not code.missing_classes
    return ["The copy lacks code or layers of the model: they are in `model.py`."] if is_whole else []


def require_proof(copy: Copy) -> ReloadOutcome:
    """Return the reload that showed what a copy answers; half a model is completed by the kit, as it was when tried.

    Raises InputError where a kit would prove nothing.
    """
    outcome, label = copy.evidence.best, copy.format.label
    if copy.lacks_half and not outcome.has_loaded:
        outcome = _require_completed(copy.evidence, label)
    _require_provable(outcome, label)
    return outcome


def _require_completed(evidence: Evidence, label: str) -> ReloadOutcome:
    """Return what half a model showed with the layers of its run. Raises InputError where it was never tried."""
    if evidence.completed is None:
        raise InputError(
            "This copy is half a model, and was never tried with its other half, so a kit would prove nothing.",
            received=label,
            cure="Save the model in this format once more, and take the kit of that copy.",
        )
    return evidence.completed


def _require_provable(outcome: ReloadOutcome, label: str) -> None:
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

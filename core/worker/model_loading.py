"""Load an artifact, or a run's live model, in a child: the one place, so that no untrusted file is loaded otherwise.

A demo's live model is rebuilt from the demo's code and every variable by value, random state included. A model that a
person added has no code here: its snapshot is the richest copy that its kind allows. The snapshot of an imported model
is its files as they came.
"""

from dataclasses import replace
from pathlib import Path

from core.demos import get_demo
from core.demos.base import TrainSettings
from core.errors import CannotSave, DoesNotLoad, Refused
from core.formats import get_format
from core.formats.base import RUNS_CODE_REFUSAL, Format
from core.runtimes.base import NO_CODE, ImportedSource, ModelCode, ModelSource, Predictor, join_remarks
from core.runtimes.single_row import one_row_a_call, one_row_at_a_time
from core.sandbox import handles_untrusted


def load_artifact(format_key: str, folder: Path, code: ModelCode) -> Predictor:
    """Load an artifact; of an imported one the layers and the numbers alone, without compile settings.

    Raises Refused for an imported format that runs code, DoesNotLoad where the files lack weights of the model, and
    what the format raises.
    """
    format_ = get_format(format_key)
    predictor = _load_format(format_, folder, code)
    format_.require_all_weights(predictor.model, folder, DoesNotLoad)
    return follow_choices(predictor, code)


def follow_choices(predictor: Predictor, code: ModelCode) -> Predictor:
    """A predictor that is asked as was decided at its import: with its state kept, or one row at a time."""
    if predictor.state:
        predictor.state.keeps = code.keeps_state
        predictor = replace(predictor, remark=join_remarks(predictor.remark, predictor.state.remark))
    if code.row_is_call:
        return one_row_a_call(predictor)
    return one_row_at_a_time(predictor) if code.one_row else predictor


def _load_format(format_: Format, folder: Path, code: ModelCode) -> Predictor:
    if not handles_untrusted():
        return format_.load(folder, code)
    if format_.runs_code:
        sentence = "A file of this format runs whatever its author wrote into it, so one from outside is never loaded."
        cure = "Ask for the model as .keras, SavedModel or ONNX."
        raise Refused(sentence, rule="runs-code", received=format_.label, cure=cure)
    return format_.load(folder, replace(code, compiles=False))


def require_no_code_execution(format_: Format) -> None:
    """Raise CannotSave where an imported model would be put into a file that runs code."""
    if handles_untrusted() and format_.runs_code:
        raise CannotSave(RUNS_CODE_REFUSAL, cure="Choose another format.")


def model_code_for(source: ModelSource | None) -> ModelCode:
    """Return the code that a reloading process is given; of an imported file also the signature that answers.

    `core.worker.live_models.complete_model_code` adds what the run's own snapshot brings.
    """
    if source is None:
        return NO_CODE
    imported = source.get("brought")
    code = _import_code(imported) if imported else replace(NO_CODE, keeps_state=bool(source.get("keeps_state")))
    settings = source["settings"] or (imported["settings"] if imported else None)
    if (demo := demo_of_source(source)) and settings:
        demo_code = get_demo(demo).model_code(TrainSettings(**settings))
        code = replace(code, build=demo_code.build, classes=demo_code.classes)
    if folder := source.get("architecture"):
        half = code
        code = replace(code, build=lambda: load_artifact("architecture", Path(folder), half).model)
    return code


def _import_code(imported: ImportedSource) -> ModelCode:
    """What was decided when a file was imported."""
    return ModelCode(
        signature=imported.get("signature") or "",
        keeps_state=bool(imported.get("keeps_state")),
        one_row=bool(imported.get("one_row")),
        row_is_call=bool(imported.get("row_is_call")),
    )


def demo_of_source(source: ModelSource) -> str | None:
    """Return the demo whose code belongs to a source: its own, or the one that was chosen for an imported file."""
    imported = source.get("brought")
    return source["demo"] or (imported["demo"] if imported else None)


def source_with_snapshot(source: ModelSource, kind: str, folder: Path) -> ModelSource:
    """Return the source that completes halves of a run from its own snapshot, a folder; of a demo's run as it is."""
    return source if demo_of_source(source) else {**source, "kind": kind, "snapshot": folder}


def source_without_code(source: ModelSource) -> ModelSource | None:
    """Return the source for a process that gets no code of the model: None, or how its copies are asked."""
    if imported := source.get("brought"):
        return {"demo": None, "settings": None, "brought": {**imported, "demo": None, "settings": None}}
    return {"demo": None, "settings": None, "keeps_state": True} if source.get("keeps_state") else None


def source_with_signature(source: ModelSource, signature: str) -> ModelSource:
    """Return the source of an imported model's copy, of which another signature may answer than of the file itself."""
    if imported := source.get("brought"):
        return {**source, "brought": {**imported, "signature": signature}}
    return source

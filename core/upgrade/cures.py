"""Cures for a model that does not come through an upgrade: each is done, asked on the far side, and compared."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from core.arrays import Arrays
from core.environments.judge import ElsewhereOutcome
from core.error_translation import translate
from core.errors import Cancelled, CannotSave, InputError, WorkerError
from core.library.storage import size_on_disk
from core.runtimes.keras_releases import FIRST_RELEASE, Release, release_text, rewrite_config
from core.settings import Settings
from core.upgrade.model_files import ARTIFACT_FOLDER, COMPILING_FORMATS, KERAS_FILE, ModelFiles
from core.upgrade.rows import Cure, CureKind, Status, status_of
from core.upgrade.sides import Crossing, Expectation, keras_release
from core.validation import validate_upload
from core.validation.members import ARCHITECTURE_FILE

EXPORT_CURE = "Export it yourself with model.export before the upgrade, and ask that folder."
MAX_CURED_BYTES = 512 * 10**6  # of a cured model that is kept


class CuredFile(NamedTuple):
    """A file or folder that came through, and what it is to be called."""

    path: Path
    name: str


class CureResult(NamedTuple):
    """All cures that were tried, and what the proven one wrote, if anything."""

    cures: list[Cure]
    cured: CuredFile | None = None


def find_cures(
    crossing: Crossing, expectation: Expectation, outcome: ElsewhereOutcome, folder: Path, config: Settings
) -> CureResult:
    """Try cures in turn until one is proven; `folder` is an empty one for what they write. Raises Cancelled."""
    status = status_of(outcome)
    if status is Status.CHANGED and outcome.has_difference:
        return CureResult([_state_difference(outcome)])
    if status is not Status.DOES_NOT_LOAD:
        return CureResult([])
    bench = _CureBench(crossing, expectation, folder, config)
    cures: list[Cure] = []
    for cure in bench.try_all():
        if cure.is_proven:
            return CureResult([*cures, cure], bench.cured if cure.file else None)
        if cure.kind != "compile-false":  # which costs nothing to try, and tells nothing where it does not help
            cures.append(cure)
    return CureResult(cures)


def _state_difference(outcome: ElsewhereOutcome) -> Cure:
    where = f" in {outcome.output}" if outcome.output else ""
    off = f"{float(outcome.max_abs or 0):.2g} off{where}"
    sentence = (
        f"Where answers may be up to {off}, state that as the tolerance; else keep the packages of before for this "
        "model, or train it anew after the upgrade."
    )
    return Cure(kind="stated-difference", sentence=sentence, outcome=outcome)


class _CureBench:
    def __init__(self, crossing: Crossing, expectation: Expectation, folder: Path, config: Settings):
        self.crossing, self.expectation, self.folder, self.config = crossing, expectation, folder, config
        self.model = expectation.model
        self.release = keras_release(crossing.target)
        self.cured: CuredFile | None = None

    def try_all(self) -> Iterator[Cure]:
        after = self.crossing.target.label
        if self.model.compiles and self.model.format in COMPILING_FORMATS:
            sentence = "Load it with compile=False: only what it says of its training stops it."
            yield self._attempt("compile-false", sentence, lambda: self._ask(self.model.with_compile(False)))
        if self.model.read_config() and self._is_written_for():
            yield self._attempt("rewritten-config", self._rewritten_sentence(), self._ask_rewritten)
        if self.model.format == "h5" and self._is_written_for() and self._opens("keras"):
            sentence = (
                f"Save it again as .keras where it still loads, written for Keras {release_text(self._wanted())}."
            )
            yield self._attempt("saved-again", sentence, self._ask_saved_again)
        if self.model.format != "saved_model" and self._opens("saved_model"):
            sentence = f"Export it as SavedModel where it still loads; TensorFlow of {after} answers with that."
            yield self._attempt("saved-model", sentence, self._ask_saved_model)

    def _attempt(self, kind: CureKind, sentence: str, ask: Callable[[], ElsewhereOutcome]) -> Cure:
        """Do a cure; one that fails says why, and the next is tried."""
        self.cured = None
        try:
            outcome = ask()
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001  that a cure cannot be done is its result
            return Cure(kind=kind, sentence=sentence, error=translate(error, WorkerError).to_json())
        is_proven = status_of(outcome) is Status.ALIKE
        file = self.cured.name if is_proven and self.cured and self._is_kept(self.cured.path) else ""
        return Cure(kind=kind, sentence=sentence, outcome=outcome, is_proven=is_proven, file=file, error=outcome.error)

    def _is_kept(self, path: Path) -> bool:
        return size_on_disk(path) <= MAX_CURED_BYTES

    def _opens(self, format_key: str) -> bool:
        """Whether the far side opens a format, and the near one can write it."""
        return format_key in self.crossing.target.opens and self.crossing.source.opens >= {"keras", "saved_model"}

    def _is_written_for(self) -> bool:
        return self.release is not None and self.release >= FIRST_RELEASE

    def _wanted(self) -> Release:
        return self.release or FIRST_RELEASE

    def _rewritten_sentence(self) -> str:
        return (
            f"Write its config for Keras {release_text(self._wanted())}: words that came later and say nothing are "
            "left out (the option “For Keras” of Save)."
        )

    def _ask(self, model: ModelFiles, inputs: Arrays | None = None) -> ElsewhereOutcome:
        asked = self.expectation.inputs if inputs is None else inputs
        return self.crossing.judge(model, asked, self.expectation.predictions)

    def _ask_rewritten(self) -> ElsewhereOutcome:
        model = self._rewrite(self.model, "rewritten")
        ending = ".keras" if model.format == "keras" else ".json"
        name = KERAS_FILE if model.format == "keras" else ARCHITECTURE_FILE
        self.cured = CuredFile(model.artifact / name, f"for-keras-{release_text(self._wanted())}{ending}")
        return self._ask(model)

    def _rewrite(self, model: ModelFiles, folder: str) -> ModelFiles:
        """Write the config of a model for the far side's Keras. Raises CannotSave where that has no word for it."""
        before = model.read_config() or ""
        text, _ = rewrite_config(before, release_text(self._wanted()))
        if text == before:
            raise CannotSave("Its config holds no word that this Keras does not know.", cure="Try another format.")
        return model.write_config(text, self.folder / folder)

    def _ask_saved_again(self) -> ElsewhereOutcome:
        saved = self._convert("keras", "model.keras")
        model = self._rewrite(saved, "written-for") if saved.read_config() else saved
        self.cured = CuredFile(model.artifact / KERAS_FILE, f"for-keras-{release_text(self._wanted())}.keras")
        return self._ask(model)

    def _ask_saved_model(self) -> ElsewhereOutcome:
        model = self._convert("saved_model", "saved_model")
        self.cured = CuredFile(model.artifact, "saved_model")
        inputs = self._rename_inputs(model)
        answers = list(self.crossing.predict_before(model, inputs).predictions)
        expected = self.expectation.predictions
        if len(answers) != len(expected):
            sentence = "Its SavedModel has another number of outputs."
            raise InputError(sentence, received=f"{len(answers):,}", cure=EXPORT_CURE)
        if set(answers) != set(expected):
            expected = dict(zip(answers, expected.values(), strict=True))
        return self.crossing.judge(model, inputs, expected)

    def _rename_inputs(self, model: ModelFiles) -> Arrays:
        """Return the inputs under the names that the signature of a SavedModel has for them."""
        names = [spec["name"] for spec in self.crossing.describe(model)]
        inputs = self.expectation.inputs
        if set(names) == set(inputs):
            return inputs
        if len(names) == len(inputs) == 1:
            return {names[0]: next(iter(inputs.values()))}
        sentence = "Its SavedModel calls its inputs otherwise."
        raise InputError(sentence, received=", ".join(names)[:200], cure=EXPORT_CURE)

    def _convert(self, format_key: str, name: str) -> ModelFiles:
        """Write the model in another format before the upgrade, and check what was written as what is imported."""
        written, checked = self.folder / f"{format_key}-written", self.folder / f"{format_key}-checked"
        written.mkdir()
        (checked / ARTIFACT_FOLDER).mkdir(parents=True)
        self.crossing.ask_before(self.model, None, asks=f"convert:{format_key}", converted_to=written)
        upload = validate_upload(written / name, name, checked / ARTIFACT_FOLDER, config=self.config)
        if upload.format != format_key:
            cure = f"Save the model as {format_key} yourself, and ask that file."
            raise InputError("What was written is of another format.", received=upload.format, cure=cure)
        return ModelFiles(checked, format_key, upload.sha256, self.model.is_untrusted, compiles=False)

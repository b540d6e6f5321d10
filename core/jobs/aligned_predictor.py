"""A loaded participant under the names of a reference: its inputs and outputs matched when it is loaded."""

from collections.abc import Iterable, Mapping

from core.arrays import Arrays
from core.compare import match_outputs
from core.context import AppContext
from core.errors import cleanup_on_error
from core.jobs.participants import load_participant
from core.library import Library
from core.runtimes.reference import BATCH_SIZE, Reference
from core.worker.child_handle import CancelCheck, never_cancelled
from core.worker.remote_predictor import RemotePredictor


def map_input_names(library: Library, id_: str, run_names: Iterable[str]) -> dict[str, str]:
    """How an artifact calls the inputs of its run, by the run's names, as its evidence found out.

    Empty for a live model, and where the inputs go by other names than the run's.
    """
    if id_.startswith("r"):
        return {}
    pairs = {pair["reference"]: pair["answer"] for pair in library.evidence(id_).best.input_pairs}
    return pairs if pairs.keys() == set(run_names) else {}


def rename_arrays(arrays: Arrays, names: Mapping[str, str]) -> Arrays:
    """Return arrays under other names, where there are others for them."""
    return {names.get(name, name): array for name, array in arrays.items()}


class AlignedPredictor:
    """A loaded participant that takes inputs by the names of a reference and predicts outputs by its names, in its
    order. Which of its own these are is found out on rows of the reference, when it is loaded."""

    def __init__(self, predictor: RemotePredictor, input_names: dict[str, str], output_names: dict[str, str]):
        self.predictor, self._input_names, self._output_names = predictor, input_names, output_names

    @classmethod
    def load(
        cls, context: AppContext, id_: str, source: str, reference: Reference, cancelled: CancelCheck = never_cancelled
    ) -> "AlignedPredictor":
        """Load a participant, and match its outputs on the rows of `reference`. Raises as `load_participant`."""
        names = map_input_names(context.library, id_, reference.inputs)
        predictor = load_participant(context, id_, source, cancelled=cancelled)
        with cleanup_on_error(predictor.close):
            predictions, _ = predictor.predict(rename_arrays(reference.inputs, names), cancelled=cancelled)
            own = {pair.reference: pair.answer for pair in match_outputs(reference.predictions, predictions)}
            return cls(predictor, names, {name: own[name] for name in reference.predictions})

    def predict(self, inputs: Arrays, *, batch: int = BATCH_SIZE, cancelled: CancelCheck = never_cancelled) -> Arrays:
        """Predict all rows, `batch` at a time; an output that is missing this time is left out."""
        inputs = rename_arrays(inputs, self._input_names)
        predictions, _ = self.predictor.predict(inputs, batch=batch, cancelled=cancelled)
        return {name: predictions[own] for name, own in self._output_names.items() if own in predictions}

    def close(self) -> None:
        self.predictor.close()

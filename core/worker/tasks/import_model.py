"""Task: load an untrusted file for the first time, and describe it."""

from pathlib import Path

from core.arrays import Arrays
from core.error_translation import translated
from core.errors import DoesNotLoad
from core.runtimes.asked_ranges import read_asked_ranges
from core.runtimes.base import ModelSource, Predictor
from core.runtimes.litert import FILE as LITERT
from core.runtimes.litert import open_interpreter
from core.runtimes.model_facts import ModelFacts, describe_graph_file, describe_model
from core.runtimes.saved_model import signature_names
from core.runtimes.signatures import selectable_signatures
from core.worker.live_models import load_live
from core.worker.tasks.base import Reply, Report
from core.worker.tasks.predict import load_into_child

# Formats of which there is a function that predicts, and no model with layers; the kind of model of each.
GRAPH_KINDS = {"saved_model": "module", "onnx": "onnx", "litert": "litert", "openvino": "openvino"}


class ImportedModelReply(ModelFacts):
    """Also what a person should know of how it predicts, and the signatures to choose from."""

    remark: str
    signatures: list[str]


def load_imported(report: Report, arrays: Arrays, *, folder: str, source: ModelSource) -> Reply:
    """Load an imported file for later predictions, and describe it for its run's record.

    Returns what `core.introspection.sandboxed_reading.LoadedModelReply` validates. Raises DoesNotLoad.
    """
    with translated(DoesNotLoad, [folder]):
        _, predictor = load_into_child(lambda: load_live(source, "", Path(folder)))
        imported = source["brought"]
        return describe_imported(predictor, Path(folder), imported["format"], imported.get("signature") or ""), None


def describe_imported(predictor: Predictor, folder: Path, format: str, signature: str = "") -> ImportedModelReply:
    asked = read_asked_ranges(predictor, folder, format, signature)
    if format in GRAPH_KINDS:
        facts = describe_graph_file(predictor, folder, GRAPH_KINDS[format])
    else:
        facts = describe_model(predictor.model)
    facts["inputs"] = [
        {**spec, "range": list(asked[spec["name"]])} if spec["name"] in asked else spec for spec in facts["inputs"]
    ]
    return {**facts, "remark": predictor.remark, "signatures": _list_signature_names(folder, format)}


def _list_signature_names(folder: Path, format: str) -> list[str]:
    if format == "saved_model":
        return selectable_signatures(signature_names(folder))
    if format == "litert":
        return selectable_signatures(open_interpreter((folder / LITERT).read_bytes()).get_signature_list())
    return []

"""The four questions of the adviser and their answers, and which formats a place can run."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from core.errors import InputError


class Place(StrEnum):
    """Where a model must run."""

    SERVER = "server"
    PHONE = "phone"
    BROWSER = "browser"
    MICROCONTROLLER = "microcontroller"
    FRAMEWORK = "framework"

    @property
    def label(self) -> str:
        return "Another framework" if self is Place.FRAMEWORK else self.capitalize()

    @property
    def phrase(self) -> str:
        """The place in a sentence: "on a phone"."""
        return {Place.BROWSER: "in a browser", Place.FRAMEWORK: "in another framework"}.get(self, f"on a {self.value}")


class Needs(NamedTuple):
    """What a person needs of a copy.

    Attributes:
        where: Where it must run.
        trains_on: Whether training must resume from it.
        has_code: Whether the code of the model is at hand where it is loaded.
        max_changed: How many answers of the run's test examples may be others than the live model's.
    """

    where: Place = Place.SERVER
    trains_on: bool = False
    has_code: bool = False
    max_changed: int = 0


LITERT_FORMS = ("litert", "litert_float16", "litert_dynamic")
ONE_FILE_ONNX_FORMS = ("onnx", "onnx_float16", "onnx_int8_dynamic", "onnx_int8")
ONNX_FORMS = (*ONE_FILE_ONNX_FORMS, "onnx_external")
TFJS = "tfjs_graph"
OPENVINO_FORMS = ("openvino", "openvino_fp16", "openvino_int8")
# The formats that have a runtime in a place, by how directly they get there: 0 is made for it. A server runs all.
PLACE_FORMATS: Mapping[Place, Mapping[str, int]] = {
    Place.PHONE: dict.fromkeys((*LITERT_FORMS, "litert_int8", "litert_int4", "litert_fixed"), 0)
    | dict.fromkeys(ONNX_FORMS, 1),
    Place.BROWSER: dict.fromkeys((*ONE_FILE_ONNX_FORMS, TFJS), 0) | dict.fromkeys((*LITERT_FORMS, "litert_fixed"), 1),
    Place.MICROCONTROLLER: {"litert_int8": 0, "litert": 1, "litert_fixed": 1},
    Place.FRAMEWORK: dict.fromkeys(ONNX_FORMS, 0) | dict.fromkeys(OPENVINO_FORMS, 1) | {"safetensors": 2},
}
# On a server: what servers of models open as it is, then what has a runtime of its own, then what Keras must build.
SERVER_FORMATS = {"keras_export": 0, "saved_model": 0, "litert": 1} | dict.fromkeys((*ONNX_FORMS, *OPENVINO_FORMS), 1)
OTHER_SERVER_FORMAT = 2

UNMEASURED_PLACES: Mapping[Place, str] = {
    Place.PHONE: "Nobody has measured it on a phone: its answers, size and times are those of this computer.",
    Place.BROWSER: "Its answers, size and times are those of this computer; “Pull the plug”, on the page of a copy, "
    "measures them in your browser.",
    Place.MICROCONTROLLER: "Nobody has measured it on a microcontroller, neither its answers nor whether it fits into "
    "its memory: what stands here was measured on this computer.",
    Place.FRAMEWORK: "It was measured on this computer, in the runtime of its own format; in no other framework.",
}
TFJS_IN_BROWSERS = "Its answers, size and times are those of this computer, by TensorFlow.js in Node.js; in no browser."
LITERT_IN_BROWSERS = "LiteRT's runtime for browsers takes fixed shapes only: state the number of rows when you convert."


def rank_in_place(format_key: str, place: Place) -> int | None:
    """Return how directly a format gets to a place, 0 for what is made for it; None where nothing runs it there."""
    if place is Place.SERVER:
        return SERVER_FORMATS.get(format_key, OTHER_SERVER_FORMAT)
    return PLACE_FORMATS[place].get(format_key)


def describe_unmeasured(format_key: str, place: Place) -> list[str]:
    """Say what nobody has measured about a format in a place, in sentences; nothing for a server."""
    if place is Place.BROWSER and format_key == TFJS:
        return [TFJS_IN_BROWSERS]
    sentences = [UNMEASURED_PLACES[place]] if place in UNMEASURED_PLACES else []
    if place is Place.BROWSER and format_key in LITERT_FORMS:
        sentences.append(LITERT_IN_BROWSERS)
    return sentences


def make_needs(where: str, *, trains_on: bool = False, has_code: bool = False, max_changed: int = 0) -> Needs:
    """Return the needs with these answers. Raises InputError for a place that there is not, or a negative number."""
    if where not in list(Place):
        cure = f"Choose from {', '.join(Place)}."
        raise InputError("There is no such place to run a model in.", received=where, cure=cure)
    if max_changed < 0:
        raise InputError(
            "How many answers may change is 0 or more.", received=max_changed, cure="Give 0 where none may."
        )
    return Needs(Place(where), trains_on, has_code, max_changed)

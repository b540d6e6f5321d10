"""Contents of a proof kit: its rows, expected outputs and tolerances, `load.py`, requirements and README."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple, Self

import numpy as np

from core.arrays import Arrays, to_plain_array
from core.compare.value_changes import PICTURE_STEP, is_byte_picture, may_be_ids, measure_last_places
from core.compare.verdict import ATOL, MAX_ULPS, RTOL
from core.environments import get_environment
from core.environments.judge import EnvironmentAnswer
from core.evidence.records import Evidence, ReloadOutcome
from core.exports.bundler import bundle_functions
from core.exports.kit_answers import INTRODUCTION, list_answer_rows
from core.exports.kit_conditions import KitConditions, describe_model_script, list_warnings
from core.exports.missing_parts import ModelScript
from core.exports.opening_lines import PYTHON_INTRODUCTION, SHELL_LINES, render_python_lines
from core.formats.base import Format
from core.library import Artifact, Run
from core.runtimes.base import BATCH_SIZE
from core.runtimes.reference import Reference
from core.text.labels import pluralize
from core.text.numbers import format_size
from core.text.verdicts import verdict_label

MAX_ARRAY_BYTES = 16 * 2**20  # bytes of inputs, and of answers


class ProofData(NamedTuple):
    """Inputs and expected outputs under the names that the copy gives them, and (atol, rtol) for each output."""

    inputs: Arrays
    expected: Arrays
    tolerance: dict[str, tuple[float, float]]
    renamed_tensors: dict[str, str]
    is_one_call: bool = False  # of a model without an axis for rows
    expected_by: dict[str, object] = {}  # the environment that answered where the copy did not load here

    @property
    def rows(self) -> int:
        return 1 if self.is_one_call else len(next(iter(self.inputs.values())))

    @property
    def source(self) -> str:
        """Key of the environment whose answers are expected; empty where they are the model's own."""
        return str(self.expected_by.get("environment", ""))

    def as_one_call(self) -> Self:
        """The first row without the axis for rows."""
        inputs, expected = ({name: array[0] for name, array in side.items()} for side in (self.inputs, self.expected))
        return self._replace(inputs=inputs, expected=expected, is_one_call=True)


def select_proof_data(reference: Reference, outcome: ReloadOutcome | None) -> ProofData:
    """Return the first rows of a reference under the names and in the dtypes of a copy.

    `outcome` is the reload that showed these and the copy's largest difference; None where the kit completes the copy
    from what the run stored, which makes it as exact as the model itself.
    """
    head = reference.head(_choose_row_count(reference))
    inputs, outputs = _names_in_artifact(outcome)
    dtypes = {spec["name"]: spec["dtype"] for spec in (outcome.inputs if outcome else [])}
    renamed = {inputs.get(name, name): array for name, array in head.inputs.items()}
    expected = {outputs.get(name, name): to_plain_array(array) for name, array in head.predictions.items()}
    max_abs, has_changed = (outcome.max_abs or 0.0, bool(outcome.changed_rows)) if outcome else (0.0, False)
    return ProofData(
        {name: _cast_input(array, dtypes.get(name)) for name, array in renamed.items()},
        expected,
        {name: _choose_tolerance(array, max_abs, has_changed) for name, array in expected.items()},
        {name: now for name, now in (inputs | outputs).items() if name != now},
    )


def select_elsewhere(reference: Reference, source: EnvironmentAnswer | None) -> ProofData:
    """Return the first rows of a reference, and what an environment answered to them, or else the model itself."""
    proof_data = select_proof_data(reference, None)
    if source is None:
        return proof_data
    told = source.outcome
    facts = {"environment": told.environment, "label": get_environment(told.environment).label}
    return proof_data._replace(
        expected=source.predictions,
        tolerance={name: _choose_tolerance(array) for name, array in source.predictions.items()},
        expected_by={**facts, "versions": told.versions, "off_the_model": told.max_abs},
    )


def _choose_row_count(reference: Reference) -> int:
    """Return the number of rows of one batch, fewer where they are large: equal bits need equal batches."""
    sides = (reference.inputs.values(), reference.predictions.values())
    largest = max(sum(array.nbytes for array in side) for side in sides) / reference.rows
    return int(max(1, min(BATCH_SIZE, reference.rows, MAX_ARRAY_BYTES // max(1, largest))))


def _names_in_artifact(outcome: ReloadOutcome | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return the copy's names of inputs and of outputs, by the names of the reference."""
    pairs = (outcome.input_pairs, outcome.pairs) if outcome else ([], [])
    inputs, outputs = ({pair["reference"]: pair["answer"] for pair in side} for side in pairs)
    return inputs, outputs


def _cast_input(array: np.ndarray, dtype: str | None) -> np.ndarray:
    plain = to_plain_array(array)
    return plain if dtype in (None, "object", "bfloat16") or plain.dtype.kind == "U" else plain.astype(dtype)


def _choose_tolerance(expected: np.ndarray, max_abs: float = 0.0, has_changed: bool = False) -> tuple[float, float]:
    """Return (atol, rtol): the copy's largest difference when saved, plus that of correct computations elsewhere.

    That difference is one for all outputs, so whole numbers that may be ids are given it only where answers changed.
    """
    if may_be_ids(expected):
        return max_abs if has_changed else 0.0, 0.0
    if is_byte_picture(expected):
        return max_abs + PICTURE_STEP, 0.0
    eps = MAX_ULPS * float(np.finfo(expected.dtype).eps) if expected.dtype.kind == "f" else 0.0
    return max_abs + max(ATOL, eps), max(RTOL, _find_share_of_last_places(expected))


def _find_share_of_last_places(expected: np.ndarray) -> float:
    """Return the smallest share of each value of a coarse dtype that holds its last places; 0 for other dtypes."""
    places = measure_last_places(expected)
    if places is None:
        return 0.0
    sizes = np.abs(expected.astype("float64"))
    is_normal = np.isfinite(sizes) & (sizes >= np.finfo("float16").tiny)  # the others are within the absolute part
    return float((places[is_normal] / sizes[is_normal]).max(initial=0.0))


ARTIFACT_FOLDER = "artifact"  # of the kit, with exactly what the format wrote
# Packages by the name of their module, where the names differ; plotly reads its tables with pandas.
PACKAGES_BY_IMPORT = {
    "sklearn": ("scikit-learn",),
    "plotly": ("plotly", "pandas"),
    "ai_edge_litert": ("ai-edge-litert",),
}
CHOOSE_BACKEND = 'os.environ.setdefault("KERAS_BACKEND", "tensorflow")'
LINUX_MARKER = 'sys_platform == "linux" and platform_machine == "x86_64"'


def render_load_script(
    format_: Format, code: ModelScript | None, weights: str, signature: str = "", *, is_one_call: bool = False
) -> str:
    """Return `load.py`: the source of the format's standalone loader, and a function that calls it."""
    loader = format_.standalone.load
    source, parameters = bundle_functions(loader), inspect.signature(loader).parameters
    path = f'HERE / "{ARTIFACT_FOLDER}"' + (f' / "{format_.standalone.file}"' if format_.standalone.file else "")
    arguments = {"path": path, "classes": "{}", "build": "untrained", "weights": f'HERE / "{weights}"'}
    arguments["signature"] = repr(signature)
    used = ["untrained"] if "build" in parameters else []
    if "classes" in parameters and code:
        used, arguments["classes"] = ["classes"], "classes()"
    imports = [*source.imports, "from pathlib import Path"]
    if "tensorflow" in format_.standalone.packages:
        imports += [*({"import os"} - {*imports}), "", f"{CHOOSE_BACKEND}  # before Keras is imported"]
    model = f"from model import {', '.join(used)}\n\n" if used else ""
    call = f"{loader.__name__}({', '.join(f'{name}={arguments[name]}' for name in parameters)})"
    rows = "" if is_one_call else ", batch first"
    return (
        f'"""Loads this copy ({format_.label}) without Roundtrip."""\n\n'
        + "\n".join(imports)
        + f"\n\n{model}HERE = Path(__file__).resolve().parent\n\n\n{source.body}\n\n\n"
        + f'def load():\n    """Gives a function that answers {{name: array}} with {{name: array}}{rows}."""\n'
        + f"    return {call}\n"
    )


def required_packages(
    artifact: Artifact, format_: Format, code: ModelScript | None, source: str = ""
) -> dict[str, str]:
    """Return the packages that a kit needs with the versions with which the copy was saved, or of the environment
    `source` in which alone it answered: those that it requires, as its process may report what an untrusted file says.

    What only the model's code needs is not on the copy's record, and has the installed version.
    """
    names = list(format_.standalone.packages)
    for package in sorted(code.packages if code else ()):
        names += [name for name in PACKAGES_BY_IMPORT.get(package, (package,)) if name not in names]
    pinned = format_.environment.pins if format_.environment else {}
    pinned = _list_pins(source) if source else pinned
    versions = {name: pinned.get(name) or artifact.versions.get(name) or _installed_version(name) for name in names}
    return {name: number for name, number in versions.items() if number}


def _list_pins(source: str) -> dict[str, str]:
    """Return what an environment requires, with TensorFlow under its usual name, whichever of its builds it is."""
    pins = get_environment(source).pins
    return {name.removesuffix("-cpu"): number for name, number in pins.items()}


def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def render_requirements(artifact: Artifact, packages: Mapping[str, str], source: str = "") -> str:
    own = artifact.versions.get("python", "3.11")
    python = get_environment(source).release if source else own
    when = "as it was asked" if source else "as it was saved"
    lines = [f"# What this copy needs, {when}, with Python {python}."]
    for name, number in packages.items():
        if name == "tensorflow":  # the CPU-only build, which is smaller, where `LINUX_MARKER` holds
            lines += [f"tensorflow-cpu=={number}; {LINUX_MARKER}"]
            lines += [f'tensorflow=={number}; sys_platform != "linux" or platform_machine != "x86_64"']
        else:
            lines.append(f"{name}=={number}")
    return "\n".join(lines) + "\n"


def render_readme(
    conditions: KitConditions,
    proof_data: ProofData,
    packages: Mapping[str, str],
    answers: Sequence[EnvironmentAnswer],
) -> str:
    artifact, run, format_, evidence = conditions.copy
    parts = [
        f"# Proof kit: {format_.label}",
        f"A copy of the model “{_escape_markdown(run.name)}”, saved on {artifact.created[:10]} by Roundtrip "
        f"{artifact.versions.get('roundtrip', '')}, with everything that is needed to see that it still answers the "
        "same. Nothing here imports Roundtrip.",
        *list_warnings(conditions, _escape_markdown),
        *describe_model_script(conditions.code),
        "## Run it",
        f"```\n{SHELL_LINES}```",
        f"`load.py` holds all that it takes to load the copy. {PYTHON_INTRODUCTION}",
        f"```python\n{render_python_lines(proof_data.is_one_call)}```",
        "## What is asked, and what is expected",
        *_proof_paragraphs(run, proof_data),
        "## What was found when it was saved",
        *_evidence_paragraphs(evidence, format_),
        *_answer_paragraphs(answers, proof_data.source),
        "## What it was made with",
        _markdown_table(("package", "version"), sorted(artifact.versions.items())),
        f"Needed here: {', '.join(f'{name} {number}' for name, number in packages.items())}.",
        "## Files of the copy",
        _markdown_table(
            ("file", "size", "SHA-256"),
            [(_escape_markdown(f.path), format_size(f.bytes), f.sha256) for f in artifact.files],
        ),
        f"In the library: run {run.id}, artifact {artifact.id}.",
    ]
    return "\n\n".join(parts) + "\n"


def _proof_paragraphs(run: Run, proof_data: ProofData) -> list[str]:
    rows = pluralize(proof_data.rows, "row") + (" held out of the training" if run.demo else "")
    source = "the model itself" if run.trust == "ours" else "the file itself, when it was imported,"
    if by := proof_data.expected_by:
        source = f"this copy in {by['label']}, as it did not load where it was saved,"
    tolerances = [(name, f"{atol:.3g}", f"{rtol:.3g}") for name, (atol, rtol) in proof_data.tolerance.items()]
    renamed = [
        f"{_escape_markdown(name)} is {_escape_markdown(now)}" for name, now in proof_data.renamed_tensors.items()
    ]
    off = proof_data.expected_by.get("off_the_model")
    beside = [f"There it was {float(off):.3g} off the model itself."] if isinstance(off, int | float) else []
    return [
        f"`inputs.npz` holds {rows}, and `expected.npz` what {source} answered to them. An answer may be off by what "
        "this copy was off when it was tried, and by what two correct computations may differ by on other machines: "
        "|answer − expected| ≤ a + r · |expected|.",
        *beside,
        _markdown_table(("answer", "a", "r"), tolerances),
        *([f"The format renamed some inputs or outputs: {', '.join(renamed)}."] if renamed else []),
    ]


def _evidence_paragraphs(evidence: Evidence, format_: Format) -> list[str]:
    rows = []
    for where, outcome in (("without its code", evidence.without_code), ("with its code", evidence.with_code)):
        if outcome:
            verdict = verdict_label(outcome.verdict, outcome.changed_rows, outcome.rows, outcome.error)
            off = "–" if outcome.max_abs is None else f"{outcome.max_abs:.3g}"
            rows.append((f"in a fresh process, {where}", verdict, off, str(outcome.rows or "–")))
    table = _markdown_table(("reloaded", "verdict", "largest difference", "rows"), rows)
    return [table, *([f"About the format: {format_.explains}"] if format_.explains else [])]


def _answer_paragraphs(answers: Sequence[EnvironmentAnswer], source: str) -> list[str]:
    if not answers:
        return []
    header = ("environment", "verdict", "cause", "packages", "lock")
    table = _markdown_table(header, list_answer_rows(answers, source))
    return ["## What other environments answered", INTRODUCTION, table]


def _markdown_table(header: tuple[str, ...], rows: Iterable[Iterable[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_escape_markdown(cell) for cell in line) + " |" for line in lines)


def _escape_markdown(text: object) -> str:
    """Return an object's text on one line, with Markdown's special characters escaped."""
    line = " ".join(str(text).split())
    return "".join(f"\\{char}" if char in "|`<>[]*" else char for char in line)

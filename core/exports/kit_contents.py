"""Inputs, expected outputs, README, loader text.

What a kit asks, what it expects, and how far off an answer may be.

The texts of a kit: how to load it, what it needs, and what was found out about it.
"""

import inspect
import io
import zipfile
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays, plain
from core.compare.results import ATOL, RTOL, Verdict
from core.errors import InputError
from core.evidence import Evidence, Outcome
from core.exports.bundler import written
from core.exports.model_code import Code
from core.formats.base import Format
from core.library import Artifact, Run
from core.runtimes.reference import BATCH, Reference
from core.text.labels import counted, size, verdict_words

MOST = 16 * 2**20  # bytes of inputs, and of answers
PLACES = 4  # last places of a coarse dtype that two correct computations may differ by


class Asked(NamedTuple):
    """Inputs and expected answers under the names by which the copy has them, and (atol, rtol) for each answer."""

    inputs: Arrays
    expected: Arrays
    tolerance: dict[str, tuple[float, float]]
    renamed: dict[str, str]

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))


def asked(reference: Reference, outcome: Outcome | None) -> Asked:
    """The first rows of a reference as a copy takes and gives them.

    `outcome` is the reload that showed its names and how far off it is; None where the copy is completed by what the
    run kept, and is then as exact as the model itself.
    """
    few = reference.head(_rows(reference))
    inputs, outputs = _names(outcome)
    dtypes = {one["name"]: one["dtype"] for one in (outcome.inputs if outcome else [])}
    given = {inputs.get(name, name): array for name, array in few.inputs.items()}
    expected = {outputs.get(name, name): plain(array) for name, array in few.answers.items()}
    off = (outcome.max_abs or 0.0) if outcome else 0.0
    return Asked(
        {name: _cast(array, dtypes.get(name)) for name, array in given.items()},
        expected,
        {name: _tolerance(array, off) for name, array in expected.items()},
        {name: now for name, now in (inputs | outputs).items() if name != now},
    )


def _rows(reference: Reference) -> int:
    """As many as one batch, fewer where they are large: bit for bit the same is what is asked in the same batches."""
    sides = (reference.inputs.values(), reference.answers.values())
    largest = max(sum(array.nbytes for array in side) for side in sides) / reference.rows
    return int(max(1, min(BATCH, reference.rows, MOST // max(1, largest))))


def _names(outcome: Outcome | None) -> tuple[dict[str, str], dict[str, str]]:
    """How the copy calls inputs and outputs, by the names of the reference."""
    pairs = (outcome.input_pairs, outcome.pairs) if outcome else ([], [])
    inputs, outputs = ({one["reference"]: one["answer"] for one in side} for side in pairs)
    return inputs, outputs


def _cast(array: np.ndarray, dtype: str | None) -> np.ndarray:
    fitting = plain(array)
    return fitting if dtype in (None, "object", "bfloat16") or fitting.dtype.kind == "U" else fitting.astype(dtype)


def _tolerance(answers: np.ndarray, off: float) -> tuple[float, float]:
    """What the copy was off when it was tried, and what two correct computations may differ by on other machines."""
    eps = PLACES * float(np.finfo(answers.dtype).eps) if answers.dtype.kind == "f" else 0.0
    return off + max(ATOL, eps), max(RTOL, eps)


def require_provable(outcome: Outcome, label: str) -> None:
    """Raises InputError where a kit could prove nothing of a copy: it did not load, or its answers are no numbers."""
    if outcome.verdict is Verdict.NOT_RUN:
        raise InputError(
            "This file was brought in and kept, and nothing has run it yet, so a kit would prove nothing.",
            received=label,
            cure="Run it first, or download the files as they are.",
        )
    if not outcome.loads:
        why = (outcome.error or {}).get("sentence", "")
        raise InputError(
            "This copy did not come back when it was tried, so a kit would prove nothing.",
            received=f"{label}. {why}".strip().removesuffix("."),
            cure="Take a copy in another format, or download the files as they are.",
        )
    if outcome.max_abs is None or (outcome.not_finite and outcome.changed_rows):
        raise InputError(
            "What this copy answers cannot be held against the model's answers, so a kit would prove nothing.",
            received=outcome.warning or outcome.verdict.words,
            cure="Take a copy in another format, or download the files as they are.",
        )


def npz(arrays: dict[str, Any]) -> bytes:
    """Arrays as an .npz, the same bytes for the same arrays; any text may be a name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy")  # dated 1980, always
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue())
    return out.getvalue()


FOLDER = "artifact"  # of the kit, with exactly what the format wrote
# Packages by the name under which they are imported, where that is another; plotly reads its tables with pandas.
PACKAGES = {"sklearn": ("scikit-learn",), "plotly": ("plotly", "pandas"), "ai_edge_litert": ("ai-edge-litert",)}
LINUX = 'sys_platform == "linux" and platform_machine == "x86_64"'


def load_text(one: Format, code: Code | None, weights: str, signature: str = "") -> str:
    """`load.py`: the format's own function, and one call of it."""
    found, taken = written(one.kit.load), inspect.signature(one.kit.load).parameters
    path = f'HERE / "{FOLDER}"' + (f' / "{one.kit.file}"' if one.kit.file else "")
    given = {"path": path, "classes": "{}", "build": "untrained", "weights": f'HERE / "{weights}"'}
    given["signature"] = repr(signature)
    used = ["untrained"] if "build" in taken else []
    if "classes" in taken and code:
        used, given["classes"] = ["classes"], "classes()"
    imports = [*found.imports, "from pathlib import Path"]
    model = f"from model import {', '.join(used)}\n\n" if used else ""
    call = f"{one.kit.load.__name__}({', '.join(f'{name}={given[name]}' for name in taken)})"
    return (
        f'"""Loads this copy ({one.label}) without Roundtrip."""\n\n'
        + "\n".join(imports)
        + f"\n\n{model}HERE = Path(__file__).resolve().parent\n\n\n{found.body}\n\n\n"
        + 'def load():\n    """Gives a function that answers {name: array} with {name: array}, batch first."""\n'
        + f"    return {call}\n"
    )


def needed(artifact: Artifact, one: Format, code: Code | None) -> dict[str, str]:
    """The packages that a kit needs with their versions: those with which the copy was saved. What only the model's
    code needs is not on its record, and has the version that is installed."""
    names = list(one.kit.needs)
    for package in sorted(code.packages if code else ()):
        names += [name for name in PACKAGES.get(package, (package,)) if name not in names]
    found = {name: artifact.versions.get(name) or _installed(name) for name in names}
    return {name: number for name, number in found.items() if number}


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def requirements(artifact: Artifact, wanted: Mapping[str, str]) -> str:
    lines = [f"# What this copy needs, as it was saved, with Python {artifact.versions.get('python', '3.11')}."]
    for name, number in wanted.items():
        if name == "tensorflow":  # the build for processors alone is smaller where there is one
            lines += [f"tensorflow-cpu=={number}; {LINUX}"]
            lines += [f'tensorflow=={number}; sys_platform != "linux" or platform_machine != "x86_64"']
        else:
            lines.append(f"{name}=={number}")
    return "\n".join(lines) + "\n"


def readme(
    artifact: Artifact,
    run: Run,
    one: Format,
    evidence: Evidence,
    asked: Asked,
    code: Code | None,
    wanted: Mapping[str, str],
) -> str:
    parts = [
        f"# Proof kit: {one.label}",
        f"A copy of the model “{_line(run.name)}”, saved on {artifact.created[:10]} by Roundtrip "
        f"{artifact.versions.get('roundtrip', '')}, with everything that is needed to see that it still answers the "
        "same. Nothing here imports Roundtrip.",
        *_warnings(run, one, code),
        "## Run it",
        "```\npython -m venv env\nenv/bin/pip install -r requirements.txt      # on Windows: env\\Scripts\\pip\n"
        "env/bin/python verify.py                     # PASS, or how far off; exit status 0 or 1\n```",
        "`load.py` holds all that it takes to load the copy: `from load import load; answer = load()`, then "
        "`answer({name: array})` gives `{name: array}`, batch first.",
        "## What is asked, and what is expected",
        f"`inputs.npz` holds {counted(asked.rows, 'row')}{' held out of the training' if run.demo else ''}, and "
        f"`expected.npz` what {_who(run)} answered to them. An answer may be off by what this copy was off when it was "
        "tried, and by what "
        "two correct computations may differ by on other machines: |answer − expected| ≤ a + r · |expected|.",
        _table(("answer", "a", "r"), [(name, f"{a:.3g}", f"{r:.3g}") for name, (a, r) in asked.tolerance.items()]),
        *_renamed(asked),
        "## What was found when it was saved",
        *_findings(evidence, one),
        "## What it was made with",
        _table(("package", "version"), sorted(artifact.versions.items())),
        f"Needed here: {', '.join(f'{name} {number}' for name, number in wanted.items())}.",
        "## Files of the copy",
        _table(("file", "size", "SHA-256"), [(_line(f.path), size(f.bytes), f.sha256) for f in artifact.files]),
        f"Run {run.id}, artifact {artifact.id}.",
    ]
    return "\n\n".join(parts) + "\n"


def _who(run: Run) -> str:
    return "the model itself" if run.trust == "ours" else "the file itself, when it was brought in,"


def _warnings(run: Run, one: Format, code: Code | None) -> list[str]:
    said = []
    if one.kit.runs_code:
        said.append(
            "**Loading this format runs whatever code is in the file, with your rights, before anything can be "
            "checked. Load it only if you know from whom it is.** `verify.py` holds it against its hash first; who can "
            "change the file can change the hash."
        )
    if run.trust == "brought in":
        said.append("**This model was brought in from outside: what loads it may run what its author put into it.**")
    if code and code.own:
        said.append(
            f"**Before it runs: put your own classes ({', '.join(map(_line, code.own))}) into `model.py`.** They are "
            "code of your program, and in no file of this format."
        )
    elif code:
        said.append("The copy lacks code or layers of the model: they are in `model.py`.")
    return said


def _findings(evidence: Evidence, one: Format) -> list[str]:
    rows = []
    for where, outcome in (("without its code", evidence.without_code), ("with its code", evidence.with_code)):
        if outcome:
            verdict = verdict_words(outcome.verdict, outcome.changed_rows, outcome.rows, outcome.error)
            off = "–" if outcome.max_abs is None else f"{outcome.max_abs:.3g}"
            rows.append((f"in a fresh process, {where}", verdict, off, str(outcome.rows or "–")))
    table = _table(("reloaded", "verdict", "largest difference", "rows"), rows)
    return [table, *([f"About the format: {one.explains}"] if one.explains else [])]


def _renamed(asked: Asked) -> list[str]:
    pairs = ", ".join(f"{_line(name)} is {_line(now)}" for name, now in asked.renamed.items())
    return [f"The format renamed some inputs or outputs: {pairs}."] if pairs else []


def _table(header: tuple[str, ...], rows: Iterable[Iterable[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_line(cell) for cell in line) + " |" for line in lines)


def _line(text: object) -> str:
    """Anything as part of one line of a table, without markup."""
    apart = " ".join(str(text).split())
    return "".join(f"\\{char}" if char in "|`<>[]*" else char for char in apart)

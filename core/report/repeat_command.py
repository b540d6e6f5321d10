"""The shell command that repeats a comparison."""

import shlex

from core.inputs import InputSet
from core.jobs.comparison.compare_result import ALL_OUTPUTS, Tolerance
from core.library.job_store import Job
from core.text.numbers import format_exact


def make_repeat_command(job: Job, inputs: InputSet | None, tolerances: dict[str, Tolerance]) -> str:
    """Return the shell command that repeats a comparison on the machine that has its library."""
    request = job.request
    words = ["roundtrip", "compare", *request["artifacts"], "--baseline", request["baseline"]]
    words += _input_options(inputs, job.result["inputs"])
    for id_, source in request["sources"].items():
        if source != "none":
            words += ["--code", f"{id_}={source}"]
    for output, tolerance in tolerances.items():
        numbers = format_exact(tolerance.atol) + (f",{format_exact(tolerance.rtol)}" if tolerance.rtol else "")
        words += ["--tolerance", numbers if output == ALL_OUTPUTS else f"{output}={numbers}"]
    return shlex.join(words)


def _input_options(inputs: InputSet | None, id_: str) -> list[str]:
    """Return the options that make the same inputs again; where none can, that of the file that holds them."""
    origin = inputs.origin if inputs else {}
    if origin.get("kind") == "held-out":
        chosen = ["--rows", str(origin["rows"])] if origin["rows"] is not None else []
        chosen += [word for label in origin["classes"] for word in ("--class", label)]
        return chosen + (["--seed", str(origin["seed"])] if origin["seed"] is not None else [])
    if origin.get("kind") == "random" and not origin["sizes"]:
        # One word: the first number may be below zero.
        between = f"--random={format_exact(origin['low'])},{format_exact(origin['high'])}"
        return [between, "--rows", str(origin["rows"]), "--seed", str(origin["seed"])]
    if origin.get("kind") == "plane":
        return ["--plane", ",".join(map(str, origin["corners"]))]
    return ["--inputs", f"inputs-{id_}.npz"]


def needs_inputs_file(inputs: InputSet | None) -> bool:
    """Whether the command reads a file, which has to be downloaded from the page first."""
    return _input_options(inputs, "")[0:1] == ["--inputs"]

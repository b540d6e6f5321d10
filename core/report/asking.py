"""How to ask the same again from the command line."""

import shlex

from core.inputs import InputSet
from core.library.journal import Job
from core.words import counted
from core.words.numbers import exact
from core.work.tolerances import EVERY, Tolerance


def command(job: Job, inputs: InputSet | None, tolerances: dict[str, Tolerance]) -> str:
    """The command that repeats a comparison on the machine that has its library."""
    request = job.request
    words = ["python", "-m", "core", "compare", *request["artifacts"], "--baseline", request["baseline"]]
    words += _inputs(inputs, job.result["inputs"])
    for id_, source in request["sources"].items():
        if source != "none":
            words += ["--code", f"{id_}={source}"]
    for output, one in tolerances.items():
        numbers = f"{exact(one.atol)},{exact(one.rtol)}" if one.rtol else exact(one.atol)
        words += ["--tolerance", numbers if output == EVERY else f"{output}={numbers}"]
    return shlex.join(words)


def _inputs(inputs: InputSet | None, id_: str) -> list[str]:
    """Options that make the same inputs anew; where that cannot be done, the file that holds them."""
    origin = inputs.origin if inputs else {}
    if origin.get("kind") == "held-out":
        chosen = ["--rows", str(origin["rows"])] if origin["rows"] is not None else []
        chosen += [word for label in origin["classes"] for word in ("--class", label)]
        return chosen + (["--seed", str(origin["seed"])] if origin["seed"] is not None else [])
    if origin.get("kind") == "random" and not origin["sizes"]:
        # One word: the first number may be below zero.
        between = f"--random={exact(origin['low'])},{exact(origin['high'])}"
        return [between, "--rows", str(origin["rows"]), "--seed", str(origin["seed"])]
    return ["--inputs", f"inputs-{id_}.npz"]


def needs_file(inputs: InputSet | None) -> bool:
    """Whether the command reads a file that has to be kept from the page."""
    return _inputs(inputs, "")[0:1] == ["--inputs"]


def asked(inputs: InputSet | None, rows: int) -> str:
    """What was asked, in words."""
    return inputs.words if inputs else f"{counted(rows, 'row')} that are not kept any more"

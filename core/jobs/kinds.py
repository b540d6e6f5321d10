"""All kinds of jobs. Their keys stand in records on disk and do not change."""

from collections.abc import Mapping
from typing import Any

from core.environments.machines import get_machine, split_key
from core.environments.own import HERE
from core.jobs.benchmark import run_benchmark
from core.jobs.break_it import run_cure, run_pull
from core.jobs.comparison.compare import run_compare
from core.jobs.disagreement import run_disagreement
from core.jobs.elsewhere import run_build, run_elsewhere
from core.jobs.execution.driver import JobKind, Requirements
from core.jobs.imports.import_model import run_import
from core.jobs.layers import run_layers
from core.jobs.maintenance import run_rebuild, run_repair, run_verify
from core.jobs.places.answers import ANSWERS
from core.jobs.places.known_places import list_environments_of
from core.jobs.places.place import place_of
from core.jobs.resume import run_resume
from core.jobs.save import run_save
from core.jobs.train import run_train
from core.jobs.upgrades.bisect import run_bisect
from core.jobs.upgrades.upgrade import run_upgrade


def _formats(request: Mapping[str, Any]) -> Requirements:
    return Requirements(formats=tuple(request["formats"]), runs=(request["run"],))


def _given(_: Mapping[str, Any]) -> Requirements:
    return Requirements(has_given_model=True)


def _environments(request: Mapping[str, Any]) -> Requirements:
    """Kinds of machine each machine can be; what workers are asked, they have."""
    asked = [split_key(key) for key in request["environments"]]
    named = (key for key, machine in asked if not get_machine(machine).worker)
    environments = tuple(dict.fromkeys(key for key in named if key != HERE))
    return Requirements(environments=environments, worker=request.get("worker", ""))


def _copies(request: Mapping[str, Any]) -> Requirements:
    """Those that are loaded in the worker's own processes, and not at another place."""
    named = [request.get(name) or "" for name in ("baseline", "other", "a", "b")]
    ids = [id_ for id_ in dict.fromkeys([*named, *request.get("artifacts", ())]) if not place_of(id_)]
    copies, runs = (tuple(id_ for id_ in ids if id_.startswith(kind)) for kind in "ar")
    return Requirements(copies=copies, runs=runs)


def _places(request: Mapping[str, Any]) -> Requirements:
    return _copies(request)._replace(environments=tuple(list_environments_of(request.get("places", ()))))


def _sides(request: Mapping[str, Any]) -> Requirements:
    sides = request.get("line") or (request["source"], request["target"])
    return Requirements(environments=tuple(side for side in sides if side != HERE))


KINDS = {
    kind.key: kind
    for kind in (
        JobKind("train", run_train),
        JobKind("save", run_save, requirements=_formats),
        JobKind("import", run_import, requirements=_given),
        JobKind("compare", run_compare, requirements=_places),
        JobKind("layers", run_layers, requirements=_copies),
        JobKind("disagree", run_disagreement, requirements=_copies),
        JobKind("resume", run_resume, requirements=_copies),
        JobKind("cost", run_benchmark, is_exclusive=True, requirements=_copies),
        JobKind("break", run_pull),
        JobKind("cure", run_cure),
        JobKind("environments", run_build, requirements=_environments),
        ANSWERS,
        JobKind("elsewhere", run_elsewhere, requirements=_environments),
        JobKind("upgrade", run_upgrade, requirements=_sides),
        JobKind("bisect", run_bisect, requirements=_sides),
        JobKind("verify", run_verify),
        JobKind("rebuild", run_rebuild),
        JobKind("repair", run_repair),
    )
}

"""All places where copies can predict, which of them take a copy, and the names of participants.

The key of a place is that of an environment, of a machine, or both: "tract", "sse41", "openvino@sse41",
"worker:arm-board", "openvino@worker:arm-board".
"""

from collections.abc import Iterable, Mapping
from functools import cache

from core.context import AppContext
from core.environments import ENVIRONMENTS
from core.environments.machines import (
    THIS_MACHINE,
    get_machine,
    join_keys,
    label_asked,
    limit_environment,
    list_limiting,
    split_key,
)
from core.environments.own import HERE, own_environment
from core.errors import InputError
from core.formats import label_format
from core.jobs.places.environment_place import EnvironmentPlace
from core.jobs.places.place import Place, entry_of, place_of, require_placeable
from core.jobs.places.worker_place import WorkerPlace
from core.registry import find_by_key
from core.text.labels import HasFormat, HasTrust, short_labels


@cache
def list_places() -> tuple[Place, ...]:
    """Every place that is an environment on this machine, in the order in which they are shown."""
    return tuple(EnvironmentPlace(environment) for environment in ENVIRONMENTS)


def get_place(key: str) -> Place:
    """Return the place of that key; of a machine alone that with the packages of Roundtrip itself.

    Raises UnknownName with the keys that exist.
    """
    environment_key, machine_key = split_key(key)
    if machine_key == THIS_MACHINE:
        return find_by_key(list_places(), environment_key, "place")
    machine = get_machine(machine_key)
    if environment_key == HERE:
        environment = own_environment()
    else:
        environment = find_by_key(list_places(), environment_key, "place").environment
    there = limit_environment(environment, machine)
    return WorkerPlace(there) if machine.worker else EnvironmentPlace(there)


def list_takers(format_key: str, machines: Iterable[str] = ()) -> list[Place]:
    """Return the places that take copies in a format; for the packages of Roundtrip itself kinds of machine, and others
    that are given by their keys."""
    kinds = [machine.key for machine in list_limiting(own_environment(), format_key)]
    places = [*list_places(), *(get_place(join_keys(HERE, key)) for key in (*kinds, *machines))]
    return [place for place in places if place.takes(format_key)]


def list_combined(place: Place, format_key: str, machines: Iterable[str] = ()) -> list[Place]:
    """Return an environment on other machines: kinds that can change what a copy in a format answers, and others that
    are given by their keys."""
    kinds = [machine.key for machine in list_limiting(place.environment, format_key)]
    return [get_place(join_keys(place.environment.key, key)) for key in (*kinds, *machines)]


def find_places(context: AppContext, participants: Iterable[str]) -> dict[str, str]:
    """Return by participant the identity of its place, for those that are at one.

    Raises InputError for what cannot predict there and for a worker that is not there, UnknownName for a place or an
    artifact that there is not.
    """
    return {id_: _require_taken(context, id_).identify(context) for id_ in participants if place_of(id_)}


def _require_taken(context: AppContext, participant: str) -> Place:
    """Return the place of a participant. Raises as `find_places`."""
    place, id_ = get_place(place_of(participant)), entry_of(participant)
    library = context.library
    if id_.startswith("r"):
        cure = "Save the run, and name a copy of it."
        raise InputError("A live model has no files that another place could load.", received=participant, cure=cure)
    artifact = library.artifact(id_)
    require_placeable(library.run(artifact.run))
    if not place.takes(artifact.format):
        fitting = ", ".join(each.key for each in list_takers(artifact.format))
        cure = f"Choose from {fitting}." if fitting else "Leave the place out: none takes this format."
        label = label_format(artifact.format)
        raise InputError(f"{place.label} takes no copies in the format {label}.", received=participant, cure=cure)
    return place


def list_environments_of(participants: Iterable[str]) -> list[str]:
    """Return the environments that must be built for participants. Raises UnknownName."""
    places = [get_place(key) for key in dict.fromkeys(map(place_of, participants)) if key]
    return [environment for place in places for environment in place.environments]


def label_participants(
    participants: Iterable[str], entries: Mapping[str, HasFormat], run: HasTrust | None = None
) -> dict[str, str]:
    """Name participants as `short_labels` names their entries, and say where those are that are not here."""
    ids = list(participants)
    names = short_labels(dict.fromkeys(map(entry_of, ids)), entries, run)
    return {id_: names[entry_of(id_)] + _name_place(place_of(id_)) for id_ in ids}


def _name_place(key: str) -> str:
    """Name a place after a copy; by its key where a later version does not have it any more, and nothing for here."""
    if not key:
        return ""
    label = next((place.label for place in list_places() if place.key == key), label_asked(key))
    return f", in {label}"

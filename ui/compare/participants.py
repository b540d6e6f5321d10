"""The participants of a comparison, and the choice of its baseline and of the code that copies need."""

from typing import NamedTuple

from core.jobs.places.place import place_of
from core.library import Entry
from core.text.labels import capitalize_first, live_model_phrase, short_labels
from ui.artifact_picker import ArtifactChoices, choose_artifact, choose_code_sources
from ui.session import current_jobs


def choose_baseline(choices: ArtifactChoices, ids: list[str]) -> str:
    """Choose the baseline: the live model of a run of the copies, or an artifact other than a single chosen copy."""
    runs = {entry.run or "": entry.run_name or "" for entry in (choices.entries[id_] for id_ in ids)}
    phrases = {id_: live_model_phrase(name, current_jobs().library.run(id_)) for id_, name in runs.items()}
    return choose_artifact(
        choices,
        "Compared with",
        "baseline",
        {id_: capitalize_first(phrase) for id_, phrase in phrases.items()},
        excluded=ids if len(ids) == 1 else (),
        help="The baseline: every answer is compared with its answer to the same input. The live model is the one that "
        "was trained; for test examples its answers were kept at the end of the training.",
    )


def choose_sources_of(entries: dict[str, Entry], ids: list[str]) -> dict[str, str]:
    """Choose where the code that a copy lacks comes from, for each copy that lacks any."""

    names = short_labels(ids, entries)

    def question_of(id_: str) -> str:
        return f"{names[id_]}: which code builds its layers?"

    return choose_code_sources(ids, question_of)


class Participants(NamedTuple):
    """The models of a comparison, for whatever loads them.

    Attributes:
        baseline: An artifact, or a run for its live model.
        others: The artifacts compared with it, also such that are at a place (see `core.jobs.places.place`).
        names: The label of each on the page.
        sources: Where the code that an artifact lacks comes from.
    """

    baseline: str
    others: list[str]
    names: dict[str, str]
    entries: dict[str, Entry]
    sources: dict[str, str]

    @property
    def ids(self) -> list[str]:
        """All of them, the baseline first."""
        return list(dict.fromkeys([self.baseline, *self.others]))

    @property
    def here(self) -> "Participants":
        """Those that are loaded here."""
        return self._replace(others=[id_ for id_ in self.others if not place_of(id_)])

    @property
    def left_out(self) -> str:
        """Whom `here` leaves out, in a sentence; empty for nobody."""
        names = [self.names[id_] for id_ in self.others if place_of(id_)]
        return f"Loaded here only, so left out: {'; '.join(names)}." if names else ""

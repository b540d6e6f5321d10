"""The judges: each looks at what was found and says in one cell what became of one thing."""

from typing import Any, NamedTuple

from core.compare import Verdict
from core.evidence import Evidence, Match, Outcome
from core.formats.base import Format
from core.library import Run

# Every state of a cell with its sign: told apart by word and sign, not by colour.
SIGNS = {"kept": "✓", "changed": "≈", "lost": "✗", "failed": "!", "not applicable": "–"}


class Cell(NamedTuple):
    """One finding: its state, and what came back in words."""

    state: str
    words: str

    @property
    def text(self) -> str:
        return f"{SIGNS[self.state]} {'n/a' if self.state == 'not applicable' else self.state}"


class Findings(NamedTuple):
    """What a judge looks at: the run, the format, the evidence, and its best outcome with everything that was tried."""

    run: Run
    format: Format
    evidence: Evidence
    outcome: Outcome

    @property
    def traits(self) -> dict[str, Any]:
        return self.outcome.probes.get("traits", {})

    @property
    def code_given(self) -> bool:
        """Whether the layers came from code and not from the copy."""
        return self.format.needs_architecture


def kept(words: str) -> Cell:
    return Cell("kept", words)


def changed(words: str) -> Cell:
    return Cell("changed", words)


def lost(words: str) -> Cell:
    return Cell("lost", words)


def none(words: str) -> Cell:
    return Cell("not applicable", words)


def architecture(found: Findings) -> Cell:
    original = found.run.traits.get("architecture")
    if found.run.kind == "module":
        return none("A tf.Module has no layers apart from its code.")
    if original is None:
        return none("The model's layers cannot be written down as a config.")
    if found.code_given:
        return lost("The layers came from code; the copy holds none.")
    if not found.traits:
        graph = "graph" in found.format.keeps
        return changed("Came back as a graph of operations, not as layers.") if graph else lost("No layers came back.")
    if forgotten := found.run.traits.get("forgotten"):
        return changed(f"get_config() leaves out {', '.join(forgotten)}: a reloaded layer takes its default.")
    if found.traits["architecture"] == original:
        return kept(f"The same {len(found.traits['layers'])} layers with the same settings.")
    return changed("Layers came back, with other settings than the original's.")


def _tensors(match: Match | None, what: str) -> Cell:
    if match is None:
        return none(f"This runtime does not show its {what}.")
    said = f"{match.found} of {match.of} tensors came back bit-equal"
    if match.whole:
        return kept(f"{said}.")
    missing = ", ".join(match.missing[:4]) + (" …" if len(match.missing) > 4 else "")
    return (changed if match.found else lost)(f"{said}; not {missing}.")


def weights(found: Findings) -> Cell:
    cell = _tensors(found.outcome.weights, "weights")
    if found.run.not_finite:
        return Cell("failed", f"{found.run.warning} {cell.words}")
    if found.outcome.moved_by_answering:
        return changed(f"{cell.words} Answering moves {found.outcome.moved_by_answering} of them.")
    if cell.state == "lost" and found.outcome.verdict.rank < Verdict.DIFFERENT.rank:
        return changed("Kept in another form: no tensor is bit-equal, and the answers are mostly the same.")
    return cell


def optimizer(found: Findings) -> Cell:
    if not found.run.optimizer:
        return none("The original had no optimizer.")
    match = found.outcome.optimizer
    if match is None:
        return lost("No optimizer came back.")
    cell = _tensors(match, "optimizer state")
    return cell if cell.state == "kept" else lost(cell.words)


def compile_settings(found: Findings) -> Cell:
    original = found.run.traits.get("compile")
    if original is None:
        return none("The original was not compiled by Keras.")
    if found.code_given and found.traits.get("compile") == original:
        return lost("They came from code; the copy holds none.")
    if found.traits.get("compile") is None:
        return lost("No loss, metrics or optimizer settings came back.")
    if found.traits["compile"] == original:
        return kept(f"{found.run.traits['compile_words']}.")
    return changed(f"Came back as {found.traits['compile_words']}.")


def needs_code(found: Findings) -> Cell:
    if found.evidence.without_code.loads:
        return kept("Loads in a process that has none of your code.")
    if found.format.needs_architecture:
        return lost("Needs an architecture: your code, or an architecture file.")
    return lost(f"Loads only with your code. {(found.evidence.without_code.error or {}).get('sentence', '')}".strip())


def vocabulary(found: Findings) -> Cell:
    original = found.run.traits.get("vocabularies") or {}
    if not original:
        return none("The model has no vocabulary.")
    if not found.traits:
        if found.outcome.verdict.rank <= Verdict.SAME_ANSWERS.rank:
            return kept("Inside the graph: the answers to text are the same.")
        return none("It is inside the graph, and the answers changed by more than it alone could show.")
    if list(found.traits["vocabularies"].values()) == list(original.values()):
        return lost("It came from code.") if found.code_given else kept(", ".join(original.values()))
    return lost(f"Came back as {', '.join(found.traits['vocabularies'].values()) or 'nothing'}.")


def signatures(found: Findings) -> Cell:
    before = {one["name"]: (one["dtype"], one["shape"]) for one in found.run.inputs}
    after = {one["name"]: (one["dtype"], one["shape"]) for one in found.outcome.inputs}
    renamed = [f"{pair['reference']} is {pair['answer']}" for pair in found.outcome.pairs if pair["by"] != "name"]
    if not before:
        return none("The original says nothing of its inputs.")
    if before != after:
        said = [f"{one['reference']} is {one['answer']}, by {one['by']}" for one in found.outcome.input_pairs]
        return changed(f"Inputs were renamed: {', '.join(said) or 'they have no names'}.")
    if renamed:
        return changed(f"Outputs were renamed: {', '.join(renamed)}.")
    return kept(", ".join(f"{name} {dtype} {shape}" for name, (dtype, shape) in after.items()))


def batches(found: Findings) -> Cell:
    tried = found.outcome.probes.get("batches", {})
    if not tried:
        return none("Not tried.")
    failed = {rows: why for rows, why in tried.items() if why}
    if not failed:
        return kept(f"Answers {', '.join(tried)} rows at once.")
    return lost("; ".join(f"{rows} rows: {why}" for rows, why in failed.items()))


def trainable(found: Findings) -> Cell:
    step = found.outcome.probes.get("step", {})
    if not found.run.stepped:
        return none("No targets are known for this run, so no step was taken.")
    if "weights" not in step:
        return lost(step.get("why", "No step could be taken."))
    same = [one["sha256"] for one in step["weights"]] == [one["sha256"] for one in found.run.stepped]
    if same:
        return kept("One step moves the weights exactly as the original's.")
    return changed("It trains, and one step moves the weights elsewhere than the original's.")


def policy(found: Findings) -> Cell:
    original = found.run.traits.get("policies")
    if not original:
        return none("The model has no dtype policies.")
    if not found.traits:
        return none("There are no dtype policies outside of Keras.")
    names = ", ".join(sorted(set(found.traits["policies"])))
    if found.traits["policies"] == original:
        return lost(f"{names}; it came from code.") if found.code_given else kept(names)
    return changed(f"Came back as {names}.")


def strings(found: Findings) -> Cell:
    if not any(one["dtype"] == "object" for one in found.run.inputs):
        return none("The model takes no text.")
    return kept("Takes text as it is, and answers.")


def answers(found: Findings) -> Cell:
    outcome = found.outcome
    counted = f"{outcome.changed_rows} of {outcome.rows} changed, largest difference {outcome.max_abs:.3g}."
    words = f"{outcome.verdict.words}: {counted}"
    if outcome.not_finite:
        return Cell("failed", f"{outcome.warning} {words}")
    return kept(words) if outcome.verdict.rank <= Verdict.ROUNDING.rank else changed(words)


def repeats(found: Findings) -> Cell:
    distance = found.outcome.probes.get("repeats")
    if distance is None:
        return none("Not tried.")
    if distance == 0:
        return kept("The same rows twice give the same bits.")
    return changed(f"The same rows twice differ by {distance:.3g}: its answers are random.")

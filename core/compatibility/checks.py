"""The columns of the compatibility matrix, in their order."""

from core.arrays import fingerprint_arrays
from core.compare import Verdict
from core.compatibility.columns import (
    COLUMNS,
    Finding,
    ReloadContext,
    changed,
    column,
    failed,
    kept,
    lost,
    not_applicable,
    not_verified,
)
from core.compatibility.sentences import (
    describe_changed_settings,
    describe_parameters,
    describe_ports,
    describe_surplus,
    describe_tensors,
    describe_unread,
    describe_xla,
    find_borne_out_forms,
    list_names,
)
from core.errors import ChildDied
from core.evidence.fingerprint_matching import TensorMatchCount
from core.evidence.records import describe_not_finite
from core.formats.base import CONVERTED_WEIGHTS
from core.grading import GradeLevel
from core.runtimes.traits import collect_traits, describe_sharing, has_same_architecture
from core.text.labels import format_shape, pluralize
from core.text.numbers import format_difference
from core.text.summaries import describe_mismatches, describe_places, describe_row_alone
from core.worker.tasks.probes import BATCHES, probe_batch_sizes, probe_determinism, train_one_step

__all__ = ["COLUMNS"]

MAX_ROW_SHIFT = 1e-4  # of the largest answer: what rounding alone does not reach

CONFIG_DESCRIPTION = "The config of the loaded model was compared with the original's."
HASHES_DESCRIPTION = "The SHA-256 of every tensor was compared with the original's, before the first answer."
SHARING_DESCRIPTION = "In how many places each layer and each variable of the loaded model stands was counted."
STATE_DESCRIPTION = "Whether a call changes what the next one answers."
NOTHING_REMEMBERED = not_applicable("The model remembers nothing from call to call.")
COMPILE_DESCRIPTION = (
    "Every argument of the optimizer, the losses and the metrics was compared with the original's, and what they give "
    "for the same fixed numbers."
)


def untried_finding(context: ReloadContext, subject: str) -> Finding:
    """On what was left out, or was being tried when the child ended."""
    if not context.outcome.probes.get("batches") and "stopped" not in context.outcome.probes:
        return not_applicable("Not tried.")
    error = context.outcome.probes.get("stopped", {"code": "", "sentence": "There was not the time for it."})
    finding = failed if error["code"] == ChildDied.code else not_verified
    return finding(f"{subject}: not tried to the end. {error['sentence']}")


@column("answers", "Answers", "All test examples were asked.")
def check_predictions(context: ReloadContext) -> Finding:
    outcome = context.outcome
    most = format_difference(outcome.max_abs)
    counted = f"{outcome.verdict.label}: {outcome.changed_rows} of {outcome.rows} changed, largest difference {most}."
    hint = outcome.discrimination.warning if outcome.discrimination else ""
    xla = describe_xla(outcome.probes.get("xla"))
    words = " ".join(filter(None, (counted, xla, describe_mismatches(outcome.mismatches), hint, *outcome.left_out)))
    if outcome.not_finite:
        return failed(f"{describe_not_finite(outcome.not_finite)} {words}")
    return kept(words) if outcome.verdict.rank <= Verdict.ROUNDING.rank and not xla else changed(words)


@column("architecture", "Architecture", CONFIG_DESCRIPTION, collect_traits)
def check_architecture(context: ReloadContext) -> Finding:
    original = context.run.traits.get("architecture")
    if context.run.kind == "module":
        return not_applicable("A tf.Module has no layers apart from its code.")
    if original is None:
        return not_applicable("The model's layers cannot be written down as a config.")
    if context.is_built_from_code:
        return lost("The layers came from code; the copy holds none.")
    if not context.traits:
        graph = "graph" in context.format.keeps
        return changed("Came back as a graph of operations, not as layers.") if graph else lost("No layers came back.")
    words = describe_changed_settings(change for change in context.changed_settings if change.part == "layers")
    if missing := context.run.traits.get("forgotten"):
        words = f"get_config() leaves out {', '.join(missing)}: a reloaded layer takes its default. {words}".strip()
    if words:
        return changed(words)
    shared = context.run.traits.get("sharing")
    sharing = kept("") if shared is None else _check_shared_layers(shared, context.traits.get("sharing", {}))
    if sharing.state != "kept":
        return changed(f"The settings are the same. {sharing.words}")
    if has_same_architecture(context.run.traits, context.traits):
        renamed = "" if context.traits["architecture"] == original else " The model itself has another name."
        return kept(f"The same {len(context.traits['layers'])} layers with the same settings.{renamed}")
    return changed("Layers came back, with other settings than the original's.")


def _check_tensors(match: TensorMatchCount | None, tensor_kind: str, answers_hold: bool = True) -> Finding:
    if match is None:
        return not_applicable(f"This runtime does not show its {tensor_kind}.")
    state = kept if match.is_complete else changed if match.found else lost
    return state(describe_tensors(match, answers_hold))


def _check_weight_tensors(context: ReloadContext) -> Finding:
    """The tensors of the original, and what stands beside them."""
    match, unread = context.outcome.weights, describe_unread(context.outcome.unread)
    if match is None and CONVERTED_WEIGHTS in context.format.keeps:
        return _check_converted_weights(context)
    answers_hold = context.outcome.verdict.rank < Verdict.DIFFERENT.rank
    finding = _check_tensors(match, "weights", answers_hold)
    if match is None:
        return finding
    # Where there are no layers, the constants of the graph stand among the weights.
    explained = find_borne_out_forms(match, answers_hold)
    surplus = describe_surplus(match.surplus, explained) if context.traits else ""
    unheld = context.run.unheld_warning if "graph" not in context.format.keeps else ""
    words = " ".join(text for text in (finding.words, describe_parameters(match), surplus, unread, unheld) if text)
    is_changed = (surplus or unheld) and finding.state == "kept"
    return Finding("changed" if is_changed else finding.state, words)


def _check_converted_weights(context: ReloadContext) -> Finding:
    """Weights in a form of their own, which the runtime does not show: the answers tell whether they are there."""
    outcome = context.outcome
    off = f", {outcome.grade.label}" if outcome.grade else ""
    judged = f"Judged by the answers: {outcome.verdict.label}{off}."
    # Of values an older record does not say how far they are off.
    is_unusable = outcome.grade.level is GradeLevel.UNUSABLE if outcome.grade else bool(context.run.labels)
    if outcome.verdict is Verdict.DIFFERENT and is_unusable:
        return lost(f"They do not answer as the original's do. {judged}")
    return changed(f"Converted into the file's own form, which this runtime does not show. {judged}")


@column("weights", "Weights", HASHES_DESCRIPTION, fingerprint_arrays)
def check_weights(context: ReloadContext) -> Finding:
    finding = _check_weight_tensors(context)
    if context.run.not_finite:
        return failed(f"{context.run.warning} {finding.words}")
    if context.outcome.moved_by_answering:
        return changed(f"{finding.words} Answering moves {context.outcome.moved_by_answering} of them.")
    if context.outcome.weights and context.outcome.weights.forms:
        return changed(f"{finding.words} Judged by the answers: {context.outcome.verdict.label}.")
    if finding.state == "lost" and context.outcome.verdict.rank < Verdict.DIFFERENT.rank:
        judged = f"Judged by the answers: {context.outcome.verdict.label}."
        return changed(f"Kept in another form: no tensor is bit-equal. {judged}")
    return finding


@column("sharing", "Sharing", SHARING_DESCRIPTION, describe_sharing)
def check_sharing(context: ReloadContext) -> Finding:
    original = context.run.traits.get("sharing")
    if original is None:
        return not_applicable("It is not known what layers and weights this model shares.")
    if context.traits and not context.is_built_from_code:
        return _check_shared_layers(original, context.traits.get("sharing", {}))
    if not original:
        return not_applicable("The model uses no layer twice, and its layers share no weights.")
    if context.is_built_from_code:
        return lost("It came from code; the copy holds none.")
    match = context.outcome.weights
    if match is None:
        return not_applicable("This runtime does not show its weights.")
    if match.surplus.copies:
        return lost(f"What was shared is stored once for each place: {list_names(match.surplus.copies)}.")
    if match.turned:
        return changed(
            f"Its graph may hold a shared weight once more, with its axes turned: {list_names(match.turned)}."
        )
    return kept("Its graph holds each shared weight once.")


def _check_shared_layers(original: dict[str, int], reloaded: dict[str, int]) -> Finding:
    if apart := [f"{name} ({count} places)" for name, count in original.items() if reloaded.get(name) != count]:
        return lost(f"Came back apart, so that training moves each by itself: {list_names(apart)}.")
    if more := [name for name in reloaded if name not in original]:
        return changed(f"Came back shared, and was not: {list_names(more)}.")
    names = list_names([f"{name} ({count} places)" for name, count in original.items()])
    return kept(f"Shared again: {names}." if original else "Nothing is shared, before and after.")


@column("optimizer", "Optimizer state", HASHES_DESCRIPTION, fingerprint_arrays)
def check_optimizer(context: ReloadContext) -> Finding:
    if not context.run.optimizer:
        return not_applicable("The original had no optimizer.")
    match = context.outcome.optimizer
    if match is None:
        return lost("No optimizer came back.")
    finding = _check_tensors(match, "optimizer state")
    return finding if finding.state == "kept" else lost(finding.words)


@column("compile", "Compile settings", COMPILE_DESCRIPTION, collect_traits)
def check_compile_settings(context: ReloadContext) -> Finding:
    original = context.run.traits.get("compile")
    if original is None:
        return not_applicable("The original was not compiled by Keras.")
    if context.is_built_from_code and context.traits.get("compile") == original:
        return lost("They came from code; the copy holds none.")
    if context.traits.get("compile") is None:
        return lost("No loss, metrics or optimizer settings came back.")
    if words := describe_changed_settings(change for change in context.changed_settings if change.part != "layers"):
        return changed(words)
    if context.outcome.settings is not None or context.traits["compile"] == original:
        return kept(f"{context.run.traits['compile_words']}.")
    return changed(f"Came back as {context.traits['compile_words']}.")


@column("code", "Without your code", "It was loaded in a process with none of the model's code.")
def check_loads_without_code(context: ReloadContext) -> Finding:
    if context.evidence.without_code.has_loaded:
        return kept("Loads in a process that has none of your code.")
    if context.format.needs_architecture:
        return lost("Needs an architecture: your code, or an architecture file.")
    return lost(f"Loads only with your code. {(context.evidence.without_code.error or {}).get('sentence', '')}".strip())


@column("vocabulary", "Vocabulary", "The words of every lookup layer were hashed.", collect_traits)
def check_vocabulary(context: ReloadContext) -> Finding:
    original = context.run.traits.get("vocabularies") or {}
    if not original:
        return not_applicable("The model has no vocabulary.")
    if not context.traits:
        if context.outcome.verdict.rank <= Verdict.SAME_ANSWERS.rank:
            return kept("Inside the graph: the answers to text are the same.")
        return not_applicable("It is inside the graph, and the answers changed by more than it alone could show.")
    if list(context.traits["vocabularies"].values()) == list(original.values()):
        return lost("It came from code.") if context.is_built_from_code else kept(", ".join(original.values()))
    return lost(f"Came back as {', '.join(context.traits['vocabularies'].values()) or 'nothing'}.")


@column("signatures", "Names and shapes", "Names, dtypes and shapes of inputs and outputs.")
def check_signatures(context: ReloadContext) -> Finding:
    if not context.run.inputs:
        return not_applicable("The original says nothing of its inputs.")
    places = describe_places(context.outcome.places)
    if words := describe_ports(context.run.inputs, context.outcome):
        return changed(f"{words} {places}".rstrip())
    inputs = context.outcome.inputs
    ports = ", ".join(f"{spec['name']} {spec['dtype']} {format_shape(spec['shape'])}" for spec in inputs)
    return kept(f"{ports}. {places}" if places else ports)


@column("masks", "Masks", "Which answers carry a mask that says what of them is padding.", collect_traits)
def check_masks(context: ReloadContext) -> Finding:
    original = context.run.traits.get("masks")
    if original is None:
        return not_applicable("It is not known whether the answers of this model carry masks.")
    if not original:
        words = "No answer carries a mask."
        return kept(words) if context.traits and not context.is_built_from_code else not_applicable(words)
    if context.traits.get("masks") == original:
        return lost("They came from code.") if context.is_built_from_code else kept(f"Of {list_names(original)}.")
    return lost(
        f"The mask of {list_names(original)} does not travel: steps of padding look like any other in the answers. "
        "Cut them off by the lengths of the inputs."
    )


@column("batch", "Any batch size", "1, 7 and 64 rows were asked at once.", probe_batch_sizes)
def check_batch_sizes(context: ReloadContext) -> Finding:
    tried = context.outcome.probes.get("batches", {})
    untried = [str(rows) for rows in BATCHES if str(rows) not in tried]
    if failures := [f"{pluralize(int(rows), 'row')}: {reason}" for rows, reason in tried.items() if reason]:
        return lost("; ".join(failures))
    if untried:
        return untried_finding(context, f"{', '.join(untried)} rows at once")
    answers = f"Answers {', '.join(tried)} rows at once."
    shift, repeats = (context.outcome.probes.get(key) for key in ("row_shift", "repeats"))
    if shift and shift > MAX_ROW_SHIFT and not repeats:  # what answers at random moves anyway
        return changed(
            f"{answers} A row's answer depends on the rows of its call: asked alone it moves by up to "
            f"{shift:.2%} of the largest answer."
        )
    if context.outcome.call_rows:
        return _check_call_rows(context)
    return kept(f"{answers} {'' if repeats else describe_row_alone(shift)}".rstrip())


def _check_call_rows(context: ReloadContext) -> Finding:
    """A file that takes a fixed number of rows is asked call by call, which says nothing of the file."""
    takes = f"The file takes {pluralize(context.outcome.call_rows or 0, 'row')} at a time"
    if context.run.call_rows == context.outcome.call_rows:
        return kept(f"{takes}, as the original does.")
    return lost(f"{takes}; more are asked call by call.")


@column("state", "State", STATE_DESCRIPTION)
def check_state(context: ReloadContext) -> Finding:
    before, after = context.run.remembers, context.outcome.remembers
    if before is None or after is None:
        return not_applicable("It is not known whether this model remembers anything from call to call.")
    if before and after:
        return kept("It remembers from call to call, as the original does.")
    if before:
        return lost(
            "The original remembers from call to call, and this copy forgets: each call begins with the state that was "
            "saved. Hand the state over as an input and an output, or choose a format that keeps it."
        )
    return changed("It remembers from call to call, and the original does not.") if after else NOTHING_REMEMBERED


@column("trainable", "Trains on", "One step on the original's rows.", train_one_step)
def check_training_step(context: ReloadContext) -> Finding:
    step = context.outcome.probes.get("step", {})
    if not context.run.stepped:
        return not_applicable("No targets are known for this run, so no step was taken.")
    if not step or step.get("not_tried"):
        return untried_finding(context, "A step of training")
    if "weights" not in step:
        return lost(step.get("why", "No step could be taken."))
    hashes, original = ([tensor["sha256"] for tensor in tensors] for tensors in (step["weights"], context.run.stepped))
    if hashes == original:
        return kept("One step moves the weights exactly as the original's.")
    return changed("It trains, and one step moves the weights elsewhere than the original's.")


@column("policy", "Dtype policy", "The dtype policy of every layer was read.", collect_traits)
def check_dtype_policy(context: ReloadContext) -> Finding:
    original = context.run.traits.get("policies")
    if not original:
        return not_applicable("The model has no dtype policies.")
    if not context.traits:
        return not_applicable("There are no dtype policies outside of Keras.")
    names = ", ".join(sorted(set(context.traits["policies"])))
    if context.traits["policies"] == original:
        return lost(f"{names}; it came from code.") if context.is_built_from_code else kept(names)
    return changed(f"Came back as {names}.")


@column("strings", "Takes text", "It was asked with text, where the model takes text.")
def check_text_inputs(context: ReloadContext) -> Finding:
    if not any(spec["dtype"] == "object" for spec in context.run.inputs):
        return not_applicable("The model takes no text.")
    return kept("Takes text as it is, and answers.")


@column("repeats", "Deterministic", "The same rows were asked twice.", probe_determinism)
def check_determinism(context: ReloadContext) -> Finding:
    distance = context.outcome.probes.get("repeats")
    if distance is None:
        return untried_finding(context, "The same rows twice")
    if distance == 0:
        return kept("The same rows twice give the same bits.")
    return changed(f"The same rows twice differ by {distance:.3g}: its answers are random.")

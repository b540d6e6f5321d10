"""What findings say of tensors, settings and signatures, in sentences."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.compare import Verdict
from core.evidence.fingerprint_matching import FOLDED, MERGED, ZEROED, SurplusTensors, TensorMatchCount
from core.evidence.records import ReloadOutcome
from core.runtimes.model_settings import SettingChange
from core.text.labels import format_shape, pluralize
from core.text.summaries import describe_order, describe_renamed

MAX_NAMES = 4  # in a sentence
KERAS_PREFIX = "keras."


def list_names(names: Sequence[str]) -> str:
    """The first names, and that there are more."""
    return ", ".join(names[:MAX_NAMES]) + (" …" if len(names) > MAX_NAMES else "")


def describe_tensors(match: TensorMatchCount, answers_hold: bool = True) -> str:
    """How many tensors came back, which did not, and in which other form (see `describe_forms`)."""
    counted = f"{match.found} of {match.of} tensors came back bit-equal"
    if match.is_complete:
        return f"{counted}."
    forms = find_borne_out_forms(match, answers_hold)
    if forms:
        others = [name for name in match.missing if name not in forms]
        unexplained = f"; not {list_names(others)}" if others else ""
        return f"{counted}{unexplained}. {describe_forms(forms)}"
    rearranged = (
        " As many numbers stand in tensors of other shapes: split, merged or turned." if match.rearranged else ""
    )
    return f"{counted}; not {list_names(match.missing)}.{rearranged}"


def find_borne_out_forms(match: TensorMatchCount, answers_hold: bool) -> dict[str, str]:
    """The forms in which tensors came back; that adapters were merged is told by the answers alone."""
    return {name: form for name, form in match.forms.items() if answers_hold or form not in (MERGED, ZEROED, FOLDED)}


def describe_forms(forms: Mapping[str, str]) -> str:
    """In which other form tensors came back, by name."""
    by_form: dict[str, list[str]] = {}
    for name, form in forms.items():
        by_form.setdefault(form, []).append(name)
    sentences = []
    if merged := by_form.pop(MERGED, []):
        sentences.append(f"LoRA adapters were merged into {list_names(merged)}.")
    if zeroed := by_form.pop(ZEROED, []):
        sentences.append(f"Adapters came back as zeros ({list_names(zeroed)}), from which they do not train on.")
    if folded := by_form.pop(FOLDED, []):
        sentences.append(f"Adapters are no tensors of their own any more ({list_names(folded)}).")
    for form, names in by_form.items():
        dtype, _, packed = form.partition(" ")
        several = ", two numbers in a byte" if packed else ""
        sentences.append(f"Stored as {dtype} with a scale{several}: {list_names(names)}.")
    return " ".join(sentences)


def describe_parameters(match: TensorMatchCount) -> str:
    """How many parameters stand on both sides; nothing in records of before."""
    if match.values is None or match.values_of is None:
        return ""
    if match.values == match.values_of:
        return f"It has {pluralize(match.values, 'parameter')}, as the original."
    return f"It has {pluralize(match.values, 'parameter')}, the original {match.values_of:,}."


def describe_surplus(surplus: SurplusTensors, explained: Iterable[str] = ()) -> str:
    """What came back beside the tensors of the original, and those that are `explained`, by name."""
    parts, others = [], [name for name in surplus.others if name not in set(explained)]
    if surplus.copies:
        parts.append(f"{pluralize(len(surplus.copies), 'tensor')} more than once ({list_names(surplus.copies)})")
    if others:
        parts.append(f"{pluralize(len(others), 'tensor')} that the original has not ({list_names(others)})")
    return f"It holds {' and '.join(parts)}." if parts else ""


def describe_unread(unread: SurplusTensors | None) -> str:
    """What the files store and no answer reads."""
    if not unread:
        return ""
    sentences = []
    if unread.copies:
        sentences.append(f"Its files store {pluralize(len(unread.copies), 'weight')} a second time.")
    if unread.others:
        stored = pluralize(len(unread.others), "variable")
        sentences.append(f"Its files also store {stored} that no answer reads ({list_names(unread.others)}).")
    return f"{' '.join(sentences)} That is {pluralize(unread.values, 'number')}."


def describe_changed_settings(changes: Iterable[SettingChange]) -> str:
    """Each argument with both values and the class that leaves it out, what is measured, and the cure."""
    changes = list(changes)
    arguments = [change for change in changes if change.part != "behaviour"]
    sentences = [_describe_argument(change) for change in arguments[:MAX_NAMES]]
    if len(arguments) > MAX_NAMES:
        sentences.append(f"{len(arguments) - MAX_NAMES} more settings are others.")
    sentences += [_describe_behaviour(change) for change in changes if change.part == "behaviour"][:MAX_NAMES]
    return " ".join([*sentences, *_cures(changes)])


def _describe_argument(change: SettingChange) -> str:
    if change.part == "layers" and change.original is None and "." not in change.path:
        return f"{change.path} ({change.reloaded}) stands beside the layers of before."
    if change.part == "layers" and change.reloaded is None and "." not in change.path:
        return f"{change.path} ({change.original}) is missing."
    changed = f"{change.path} was {_value(change.original)} and came back as {_value(change.reloaded)}"
    if not change.omitted_by:
        return f"{changed}."
    owner = " of Keras" if change.omitted_by.startswith(KERAS_PREFIX) else ""
    return f"{changed}: {change.omitted_by.removeprefix(KERAS_PREFIX)}.get_config(){owner} leaves it out."


def _describe_behaviour(change: SettingChange) -> str:
    before, now = (_value(side[:2] if isinstance(side, list) else side) for side in (change.original, change.reloaded))
    return f"On the same fixed numbers, {change.path} gave {before} and now gives {now}."


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return "nothing" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _cures(changes: list[SettingChange]) -> list[str]:
    own = any(change.omitted_by and not change.omitted_by.startswith(KERAS_PREFIX) for change in changes)
    cures = ["Return it from get_config()."] if own else []
    if any(change.part != "layers" for change in changes):
        cures.append("Call compile() again with the values of before, after loading.")
    return cures


def describe_ports(original: list[dict[str, Any]], outcome: ReloadOutcome) -> str:
    """How inputs and outputs came back with other names, dtypes or shapes, or with more of them; else nothing."""
    before, after = (
        {spec["name"]: f"{spec['dtype']} {format_shape(spec['shape'])}" for spec in side}
        for side in (original, outcome.inputs)
    )
    sentences = []
    if before.keys() != after.keys():
        sentences += describe_renamed("Inputs", outcome.input_pairs) or ["Inputs were renamed: they have no names."]
    elif others := [f"{name} was {port} and is {after[name]}" for name, port in before.items() if port != after[name]]:
        sentences.append(f"Inputs are others: {', '.join(others)}.")
    if needed := sorted(_optional_names(original) - _optional_names(outcome.inputs)):
        sentences.append(f"Inputs can no longer be left out: {list_names(needed)}.")
    sentences += describe_renamed("Outputs", outcome.pairs)
    sentences += describe_order(outcome.reordered)
    if outcome.surplus_outputs:
        sentences.append(f"It also gives {list_names(outcome.surplus_outputs)}, which the original does not.")
    return " ".join(sentences)


def _optional_names(specs: list[dict[str, Any]]) -> set[str]:
    return {spec["name"] for spec in specs if spec.get("optional")}


def describe_xla(answered: Mapping[str, Any] | None) -> str:
    """How answers by XLA differ, of a copy whose model asks for it; empty where only rounding tells them apart."""
    if not answered:
        return ""
    if why := answered.get("why"):
        return f"It asks for XLA (jit_compile=True), with which Keras' predict fails here: {why}"
    verdict = Verdict(answered["verdict"])
    if verdict.rank <= Verdict.ROUNDING.rank:
        return ""
    off = f"{verdict.label}, up to {answered['max_abs']:.3g} off"
    return f"It asks for XLA (jit_compile=True), by which Keras' predict answers otherwise than these: {off}."

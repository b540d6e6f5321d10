"""The terms of this field that pages use, each explained in a sentence or two: `docs/glossary.md` is made of them."""

import re
from collections.abc import Iterable

from core.text.labels import capitalize_first

GLOSSARY = {
    "alias": "A name, such as “champion”, that points to one artifact and can be moved to another later.",
    "architecture": "The layers of a model and how they are connected, without any learned number.",
    "artifact": "One saved copy of a model in one format, with its files and the result of its reload.",
    "baseline": "The model that all others are compared with: by default the live model of the run.",
    "batch": "Some rows that are computed together. During training the weights are changed once after each batch.",
    "bit-identical": "The same to the last bit, asked in batches of one size: no number differs, not even by rounding.",
    "calibration": "Example rows that a converter runs to learn which range of numbers each layer needs in few bits.",
    "checkpoint": "TensorFlow's file of all variables of a training, which needs the model's code or architecture.",
    "compile settings": "What `model.compile` was given: the loss, the metrics and the optimizer.",
    "confusion matrix": "A table of true classes against predicted ones; what lies off its diagonal is wrong.",
    "content hash": "A number over what a copy says, its weights and graph: copies that say the same share it, "
    "whatever their bytes are.",
    "custom layer": "A layer whose class is not part of Keras: a file names it, and loading needs its code.",
    "dtype policy": "The types of number in which a layer computes and keeps its weights, such as mixed_float16.",
    "epoch": "One pass of the training through all of its rows.",
    "graph": "The operations that a model computes, as data: it runs without the Python code that it came from.",
    "latency": "The time from a question to its answer.",
    "layer": "One step of a model, with its own weights.",
    "live model": "The model as it was in memory when it had been trained, before anything was saved.",
    "loss": "The number that training makes smaller: how wrong the predictions are.",
    "optimizer state": "What training remembers from step to step: how many steps it took, and the optimizer moments.",
    "optimizer moments": "Running averages of how each weight should change, kept by optimizers such as Adam.",
    "parameters": "The numbers that were learned, counted.",
    "quantization": "Storing numbers in fewer bits, 8 instead of 32, say: smaller files, slightly other predictions.",
    "run": "One trained model and what is stored of it: a snapshot, test examples and its predictions for them.",
    "sandbox": "A process without network that may read only what it needs, for files from outside.",
    "seed": "The number from which random choices start: the same seed makes the same choices.",
    "signature": "A named function of a saved model, with the names, types and shapes of its inputs and outputs.",
    "snapshot": "The copy of a run from which every format is saved.",
    "tensor": "A table of numbers with any number of axes: the weights of a layer, say.",
    "test examples": "Rows that were kept out of the training, for which a copy's predictions are compared.",
    "tolerance": "How far two numbers may be apart and still pass as equal.",
    "verdict": "In one word how a copy's predictions compare with the baseline's.",
    "vocabulary": "The words or letters that a text layer knows, each with its number.",
    "weights": "The learned numbers of a model. Without an architecture they cannot answer anything.",
}

VERBS = ("run",)  # terms that are verbs, too, which these words before them tell
VERB_SIGNS = (
    *("not", "that", "which", "it", "to", "and", "only", "ever", "is", "was", "be", "been", "can", "may", "has"),
    *("nothing", "what", "then", "they", "again", "never", "here"),
)


def find_terms(texts: Iterable[str]) -> list[str]:
    """Return the terms of the glossary that stand in these texts, in the singular or plural, in alphabetical order."""
    text = "\n".join(texts).lower()
    return sorted(term for term in GLOSSARY if re.search(rf"\b(?:{term_pattern(term)})\b", text))


def term_pattern(term: str) -> str:
    """Return a regular expression, for Python and JavaScript, of a term's singular and plural."""
    forms = "|".join(sorted(_forms(term), key=len, reverse=True))
    return f"{_is_noun(term)}(?:{forms})"


def _is_noun(term: str) -> str:
    """Return what must not stand before a term that is a verb, too."""
    return "".join(f"(?<!\\b{word} )" for word in VERB_SIGNS) if term in VERBS else ""


def _forms(term: str) -> list[str]:
    """Return a term's singular and plural: "parameters" and "parameter", "latency" and "latencies"."""
    if term.endswith("y"):
        return [term, f"{term[:-1]}ies"]
    if term.endswith("s") and not term.endswith(("ss", "as")):
        return [term, term[:-1]]
    return [term, f"{term}s", f"{term}es", re.sub("x$", "ces", term)]


def render_glossary() -> str:
    """Return the page of the documentation, in Markdown."""
    entries = [f"**{capitalize_first(term)}**\n: {GLOSSARY[term]}\n" for term in sorted(GLOSSARY)]
    introduction = "The terms that pages use. Each page explains them where they first stand, and at its end."
    return f"# Glossary\n\n{introduction}\n\n" + "\n".join(entries)

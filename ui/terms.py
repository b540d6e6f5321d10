"""Terms that a page uses, explained where each first stands, and at the page's end for the keyboard and for reading."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from core.text.glossary import GLOSSARY, find_terms, term_pattern
from core.text.labels import capitalize_first

SCRIPT = Path(__file__).with_suffix(".js")

PAGE_TERMS = {
    "home": "architecture, artifact, graph, layer, live model, optimizer state, run, test examples, weights",
    "train": "batch, custom layer, epoch, graph, layer, loss, parameters, seed, test examples, vocabulary, weights",
    "import-model": "architecture, checkpoint, graph, layer, sandbox, signature, verdict, weights",
    "save": "architecture, batch, calibration, checkpoint, compile settings, custom layer, graph, layer, loss, "
    "optimizer state, parameters, quantization, run, signature, verdict, weights",
    "library": "alias, artifact, content hash, run, snapshot, test examples, verdict",
    "inspect": "artifact, bit-identical, content hash, epoch, graph, layer, optimizer state, parameters, run, seed, "
    "signature, tensor, weights",
    "formats": "architecture, batch, checkpoint, compile settings, custom layer, dtype policy, graph, layer, loss, "
    "optimizer moments, optimizer state, parameters, quantization, run, signature, tensor, test examples, vocabulary, "
    "weights",
    "compare": "artifact, baseline, batch, bit-identical, confusion matrix, epoch, latency, layer, live model, run, "
    "seed, signature, test examples, tolerance, verdict",
    "elsewhere": "architecture, checkpoint, graph, layer, run, verdict, weights",
    "upgrade": "architecture, layer, run, sandbox, weights",
    "sweep": "run, sandbox, verdict",
    "resume": "batch, compile settings, epoch, live model, loss, optimizer moments, optimizer state, run, seed, "
    "weights",
    "tour": "architecture, artifact, batch, epoch, graph, layer, live model, loss, optimizer moments, optimizer state, "
    "quantization, run, seed, test examples, verdict, weights",
    "break-it": "architecture, bit-identical, checkpoint, custom layer, epoch, layer, optimizer state, vocabulary, "
    "weights",
    "health": "artifact, run, sandbox, snapshot",
}


def terms_of(page: str) -> list[str]:
    """Return the terms that a page explains, by its key."""
    return PAGE_TERMS[page].split(", ") if page in PAGE_TERMS else []


def show_terms(page: str) -> None:
    """Draw the button that opens the explanations of a page's terms; nothing where it has none."""
    explanations = [f"**{capitalize_first(term)}**: {GLOSSARY[term]}" for term in terms_of(page)]
    if explanations:
        with st.popover("Terms on this page", icon=":material/dictionary:", type="tertiary"):
            st.markdown("\n\n".join(explanations))


def mark_terms() -> None:
    """Have the browser mark each term of the glossary where it first stands on the page, and explain it there."""
    st.html(_marking_script(), unsafe_allow_javascript=True)


@cache
def _marking_script() -> str:
    terms = [
        {"name": f"{capitalize_first(term)}:", "forms": term_pattern(term), "explanation": GLOSSARY[term]}
        for term in sorted(GLOSSARY, key=len, reverse=True)  # "custom layer" is no "layer"
    ]
    script = SCRIPT.read_text(encoding="utf-8").strip()
    data = json.dumps(terms).replace("<", "\\u003c")  # what looks like a tag has the browser drop the script
    return f"<script>({script})({data})</script>"


def explain_headings(headings: Iterable[str], config: dict[str, Any] | None = None) -> dict[str, Any]:
    """Add explanations of terms to a table's column configuration: its headings are drawn, and no text of the page."""
    explained = dict(config or {})
    for heading in headings:
        given = explained.get(heading, {})
        if (terms := find_terms([heading])) and given is not None and not given.get("help"):
            explained[heading] = given | {"help": " ".join(GLOSSARY[term] for term in terms)}
    return explained

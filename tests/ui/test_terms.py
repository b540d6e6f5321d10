"""Terms of this field: whatever a page says of them is explained on that page, by one glossary."""

import json
import re
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.formats import FORMATS
from core.jobs import Jobs
from core.settings import PROJECT
from core.text.glossary import GLOSSARY, find_terms, render_glossary
from ui.navigation import PAGES
from ui.terms import PAGE_TERMS, explain_headings, terms_of


def texts_of(app: AppTest) -> list[str]:
    """Everything that a page says: texts, labels, tooltips and headings of columns."""
    texts: list[str] = []
    for element in app.main:
        parts = (getattr(element, name, "") for name in ("value", "label", "help", "placeholder"))
        texts += [part for part in parts if isinstance(part, str)]
    texts = [text for text in texts if not text.startswith("<script>")]
    return texts + [str(name) for frame in app.dataframe for name in frame.value.columns]


def unexplained_headings(columns: str) -> list[str]:
    """Headings with a term in them and no tooltip, of a table's configuration in JSON."""
    shown = {name: column for name, column in json.loads(columns or "{}").items() if not column.get("hidden")}
    return [name for name, column in shown.items() if find_terms([name]) and not column.get("help")]


def test_explain_headings_adds_help_only_where_a_term_has_none():
    own = {"Layer": {"help": "Its own."}, "Seed": None}
    explained = explain_headings(["Layer", "Seed", "Tensor", "Shape"], own)
    assert explained == own | {"Tensor": {"help": GLOSSARY["tensor"]}}
    assert explain_headings(["Shape"]) == {}


@pytest.mark.parametrize(
    ("text", "terms"), [("It was not run.", []), ("One run", ["run"]), ("Runs", ["run"]), ("One that runs code", [])]
)
def test_find_terms_tells_nouns_from_verbs(text: str, terms: list[str]):
    assert find_terms([text]) == terms


def test_marked_terms_are_all_of_the_glossary():
    def draw():
        from ui.terms import mark_terms

        mark_terms()

    app = AppTest.from_function(draw).run()
    (script,) = [element.proto.body for element in app.get("html")]
    assert all(json.dumps(explanation) in script for explanation in GLOSSARY.values())
    assert script.index('"Custom layer:"') < script.index('"Layer:"')
    assert re.findall(r"<[\w/!]", script.removeprefix("<script>").removesuffix("</script>")) == []


def test_find_terms_in_singular_and_plural():
    texts = ["Two epochs of batches,", "dtype policies, vocabularies and one alias; parameter"]
    assert find_terms(texts) == ["alias", "batch", "dtype policy", "epoch", "parameters", "vocabulary"]


def test_find_terms_leaves_out_parts_of_other_words():
    assert find_terms(["prune, launder, glossy, seeded, batching"]) == []


def test_documentation_has_the_glossary_of_the_pages():
    assert (PROJECT / "docs" / "glossary.md").read_text(encoding="utf-8") == render_glossary()


def test_terms_of_pages_are_in_glossary():
    assert set(PAGE_TERMS) <= set(PAGES)
    assert {term for page in PAGE_TERMS for term in terms_of(page)} <= set(GLOSSARY)


@pytest.mark.parametrize("page", ["save", "formats", "elsewhere"])
def test_page_that_may_name_any_format_explains_the_terms_of_all_names(page: str):
    assert set(find_terms(format_.label for format_ in FORMATS)) <= set(terms_of(page))


@pytest.mark.parametrize("page", [key for key in PAGES if key != "home"])
def test_page_explains_each_term_that_it_uses(visit: Callable, jobs: Jobs, saved: Callable, page: str):
    id_ = saved("digits-mlp", "keras")["artifact"]
    address = {"run": jobs.library.artifact(id_).run} if page in ("save", "formats") else {"artifact": id_}
    app = visit(jobs, page.replace("-", "_"), **address)
    assert not app.exception
    texts = texts_of(app)
    (explanations,) = [text for text in texts if GLOSSARY[terms_of(page)[0]] in text]
    assert set(find_terms(text for text in texts if text != explanations)) <= set(terms_of(page))
    assert all(GLOSSARY[term] in explanations for term in terms_of(page))
    assert [heading for frame in app.dataframe for heading in unexplained_headings(frame.proto.columns)] == []

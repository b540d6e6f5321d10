"""The Break it page without a browser: its cards, a link that opens one pulled, and what stays over visits."""

from streamlit.testing.v1 import AppTest

from core.break_it import CARDS
from core.jobs import Jobs
from core.text.glossary import find_terms
from tests.helpers import wait_until_done
from tests.ui.test_pages import page_text
from ui.terms import terms_of


def press(app: AppTest, key: str) -> AppTest:
    (button,) = [item for item in app.button if item.key == key]
    return button.click().run()


def test_break_it_page_offers_a_lever_on_every_card(visit, empty_jobs: Jobs):
    app = visit(empty_jobs, "break_it")
    assert [item.key for item in app.button] == [f"pull-{card.key}" for card in CARDS]
    for card in CARDS:
        assert card.title in page_text(app).replace("\\", "")
        assert f"Shown on: {card.demo.label}." in page_text(app)
    assert empty_jobs.job_store.list_jobs() == []


def test_break_it_page_link_opens_card_pulled_and_cure_works(visit, jobs: Jobs, bench_models: None):
    visit(jobs, "break_it", card="lose-the-class")
    lever, cure = jobs.find_trials("lose-the-class")
    assert (wait_until_done(jobs, lever).kind, cure) == ("break", None)
    app = visit(jobs, "break_it", card="lose-the-class")
    assert "Loaded model\\.keras in a process that does not know the class Scale\\." in page_text(app)
    assert app.code[0].value.startswith("TypeError: Could not locate class 'Scale'.")
    assert "(https://github.com/keras-team/keras/issues/19899)" in page_text(app)
    press(app, "cure-it-lose-the-class")
    wait_until_done(jobs, jobs.find_trials("lose-the-class")[1])
    app.run()
    assert {metric.label: metric.value for metric in app.metric} == {"The saved model": "4", "After the cure": "4"}
    assert "cure-it-lose-the-class" not in [button.key for button in app.button]


def test_break_it_page_keeps_what_was_pulled_over_visits(visit, jobs: Jobs, bench_models: None):
    wait_until_done(jobs, jobs.pull_lever("lose-the-class"))
    wait_until_done(jobs, jobs.cure("lose-the-class"))
    app = visit(jobs, "break_it")
    assert "TypeError: Could not locate class 'Scale'" in page_text(app).replace("\\", "")
    assert "pull-lose-the-class" not in [button.key for button in app.button]
    press(app, "open-lose-the-class")
    assert [metric.label for metric in app.metric] == ["The saved model", "After the cure"]


def test_break_it_page_explains_each_term_of_an_open_card():
    texts = [text for card in CARDS for text in (card.lever, card.did, card.meaning, card.remedy, card.demo.label)]
    assert set(find_terms(texts)) <= set(terms_of("break-it"))


def test_break_it_page_with_unknown_card_shows_one_sentence(visit, empty_jobs: Jobs):
    app = visit(empty_jobs, "break_it", card="lose-the-keys")
    (error,) = app.error
    assert error.value.replace("\\", "").startswith("There is no such card. Received: lose-the-keys.")

"""Copies that answer while one draws or types: a card for each with what it says, and the bars of all."""

import numpy as np
import streamlit as st

from core.compare import compare, spreads
from core.demos import get_demo
from core.formats.contract import Arrays
from core.library import Run
from core.pictures import row_image_url
from core.work.panel import Panel, Said
from ui.answers import values_in_words
from ui.charts import CONFIG, probabilities
from ui.state import office, reference
from ui.words import duration, plain


@st.cache_resource(scope="session", max_entries=1, on_release=Panel.close, show_spinner=False)
def panel(ids: tuple[str, ...], sources: tuple[tuple[str, str], ...]) -> Panel:
    """The copies that this session has loaded; those of an earlier choice are ended."""
    return office().panel(ids, dict(sources))


def show_panel(run: Run, ids: list[str], sources: dict[str, str], names: dict[str, str], inputs: Arrays) -> None:
    """Ask everybody one row, and show what they say; the first of `ids` is the baseline."""
    loaded = panel(tuple(ids), tuple(sorted(sources.items())))
    if not loaded.is_open:
        with st.spinner(f"Loading {len(ids)} copies, each in a process of its own …"):
            loaded.open()
    said = loaded.answer(inputs)
    baseline = said[ids[0]]
    with st.grid(4, min_column_width=170, gap="small"):
        for id_ in ids:
            with st.container(border=True, height="stretch", key=f"says-{id_}"):
                _card(run, names[id_], said[id_], None if id_ == ids[0] else baseline)
    answered = {names[id_]: one for id_, one in said.items() if one.error is None}
    _bars(run, answered)
    slowest = max((one.seconds for one in said.values()), default=0.0)
    st.caption(f"The slowest of {len(ids)} took {duration(slowest)} to answer.")


def _card(run: Run, name: str, said: Said, baseline: Said | None) -> None:
    """One copy: what it says, how sure it is, whether the baseline says the same; few elements, to be drawn fast."""
    if said.error:
        st.markdown(f"**{plain(name)}**\n\n{plain(str(said.error))}")
        return
    agreement = _agreement(run, said, baseline) if baseline and not baseline.error else ""
    answers = [values[0] for values in said.answers.values()]
    st.markdown(f"**{plain(name)}** {agreement}\n\n" + "\n\n".join(_words(run, values) for values in answers))
    for values in answers:
        if _is_picture(run, values):
            st.image(row_image_url(values.astype("float32"), run.image_shape, 96), width=96, alt=f"What {name} answers")


def _is_picture(run: Run, values: np.ndarray) -> bool:
    return bool(run.image_shape) and not run.labels and values.size == np.prod(run.image_shape)


def _words(run: Run, values: np.ndarray) -> str:
    if _is_of_classes(run, values):
        best = int(values.argmax())
        sure = f"{values[best]:.0%} sure" if np.isfinite(values).all() else "not a number"
        return f"### {plain(run.labels[best])}\n:gray[{plain(sure)}]"
    if _is_picture(run, values):
        return ""
    unit = get_demo(run.demo).unit if run.demo else ""
    return f"### {plain(values_in_words(values))}" + (f"\n:gray[{plain(unit)}]" if unit else "")


def _agreement(run: Run, said: Said, baseline: Said) -> str:
    """A badge, as Markdown."""
    spread = spreads(reference(run.id).answers)
    found = compare(baseline.answers, said.answers, bool(run.labels) or None, numbers=False, spread=spread)
    if found.changed.any():
        return ":orange-badge[:material/warning: another answer]"
    return ":green-badge[:material/check: same answer]"


def _bars(run: Run, answered: dict[str, Said]) -> None:
    """What everybody says of each class: the output that has a number for each."""
    shown = {}
    for name, said in answered.items():
        rows = [values[0] for values in said.answers.values() if _is_of_classes(run, values[0])]
        shown |= {name: [float(value) for value in np.nan_to_num(rows[0].astype("float64"))]} if rows else {}
    if shown:
        alt = "Probabilities of each class by each copy"
        st.plotly_chart(probabilities(run.labels, shown), config=CONFIG, alt=alt, key="panel-bars")


def _is_of_classes(run: Run, values: np.ndarray) -> bool:
    return bool(run.labels) and values.shape == (len(run.labels),)

"""What the Compare page shows: the choice, the verdicts, the answers row by row, and what each copy costs."""

from typing import Any

import numpy as np
import streamlit as st

from core.compare import Verdict, compare
from core.evidence import Outcome
from core.formats import get_format
from core.formats.reference import Reference
from core.library import Entry, Run
from core.library.journal import Job
from ui.address import in_address
from ui.charts import CONFIG, bars, probabilities, stacked_bars
from ui.pictures import row_image, row_image_url
from ui.state import office, reference
from ui.words import duration, plain, show_error, size, verdict_badge

Answers = dict[str, np.ndarray]


def choose_artifacts(entries: dict[str, Entry]) -> list[str]:
    """Any artifacts of the library; the choice stands in the address."""
    missing = [id_ for id_ in st.query_params.get_all("artifact") if id_ not in entries]
    if missing:
        st.warning(
            f"Not in the library any more, or never was: {plain(', '.join(missing))[:200]}. Choose others below.",
            icon=":material/search_off:",
        )
    bound = in_address("artifact", list(entries), many=True)
    return st.multiselect("Artifacts", **bound, format_func=lambda id_: _name(entries[id_]))


def _name(entry: Entry) -> str:
    return f"{get_format(entry.format).label} · {entry.run_name} · {entry.id}"


def show_comparison(job: Job, entries: dict[str, Entry]) -> None:
    """The verdicts first, then the answers, then the numbers behind them."""
    base = office().library.run(job.result["reference"])
    outcomes = {id_: Outcome.model_validate(found) for id_, found in job.result["outcomes"].items()}
    names = _short_names(outcomes, entries)
    st.caption(
        f"{job.result['rows']:,} held-out rows, held against the live model of “{plain(base.name)}” at the end of its "
        "training. Each copy was reloaded in a process of its own."
    )
    _verdicts(outcomes, names, entries, job)
    answered = {id_: outcome for id_, outcome in outcomes.items() if outcome.loads}
    if answered:
        arrays = office().journal.arrays(job.id)
        _answers(base, reference(base.id).head(job.result["rows"]), answered, arrays, names)
    _costs(outcomes, names, entries)


def _short_names(outcomes: dict[str, Outcome], entries: dict[str, Entry]) -> dict[str, str]:
    """The format's label, with the id where two copies are of one format."""
    labels = {id_: get_format(entries[id_].format).label for id_ in outcomes}
    repeated = {label for label in labels.values() if list(labels.values()).count(label) > 1}
    return {id_: f"{label} ({id_})" if label in repeated else label for id_, label in labels.items()}


def _verdicts(outcomes: dict[str, Outcome], names: dict[str, str], entries: dict[str, Entry], job: Job) -> None:
    with st.grid(3, min_column_width=270):
        for id_, outcome in outcomes.items():
            with st.container(border=True, height="stretch", key=f"verdict-{id_}"):
                st.markdown(f"**{plain(names[id_])}**")
                verdict_badge(outcome.verdict, outcome.changed_rows, outcome.rows)
                _numbers(outcome)
                _remarks(outcome, job.request["sources"].get(id_, "none"))


def _numbers(outcome: Outcome) -> None:
    if outcome.error:
        show_error(outcome.error)
        return
    st.markdown(
        f"Answers changed: **{outcome.changed_rows:,} of {outcome.rows:,}**  \n"
        f"Largest difference: **{outcome.max_abs:.3g}**  \n"
        f"Mean difference: **{outcome.mean_abs:.3g}**"
    )


def _remarks(outcome: Outcome, source: str) -> None:
    """What must not be silent: outputs that were paired by more than their name, variables that did not come back."""
    said = {"none": "", "demo": "Given the demo's code. "}.get(source, f"Given the architecture {source}. ")
    renamed = [pair for pair in outcome.pairs if pair["by"] != "name"]
    if renamed:
        pairs = [f"{pair['reference']} is {pair['answer']}, by {pair['by']}" for pair in renamed]
        said += f"Outputs were renamed: {', '.join(pairs)}. "
    if outcome.weights and not outcome.weights.whole:
        said += f"{outcome.weights.found} of {outcome.weights.of} weight tensors are the run's own. "
    if outcome.loads:
        st.caption(f"{plain(said)}Loaded in {duration(outcome.load_seconds)}.")


def _answers(base: Run, kept: Reference, outcomes: dict[str, Outcome], arrays: Answers, names: dict[str, str]) -> None:
    st.subheader("Answers, row by row")
    output = next(iter(kept.answers))
    given = {id_: arrays[f"{id_}:{output}"] for id_ in outcomes}
    classes = bool(base.labels)
    changed = {
        id_: compare({output: kept.answers[output]}, {output: answers}, classes or None).changed
        for id_, answers in given.items()
    }
    any_changed = np.logical_or.reduce(list(changed.values()))
    only = st.toggle(
        f"Only rows where a copy disagrees ({int(any_changed.sum()):,})", disabled=not any_changed.any(), key="only"
    )
    rows = np.flatnonzero(any_changed) if only else np.arange(len(any_changed))
    picked = _answer_table(base, kept, given, changed, names, rows)
    if picked is not None and classes:
        _one_row(base, kept, given, names, picked)


def _answer_table(
    base: Run, kept: Reference, given: Answers, changed: Answers, names: dict[str, str], rows: np.ndarray
) -> int | None:
    """One line a row, and the row that is selected (the first, to begin with)."""
    columns: dict[str, list[Any]] = {"Row": rows.tolist()}
    config: dict[str, Any] = {"Row": st.column_config.NumberColumn(width="small")}
    pixels = next(iter(kept.inputs.values()))
    if base.image_shape:
        columns["Picture"] = [row_image_url(pixels[row], base.image_shape) for row in rows]
        config["Picture"] = st.column_config.ImageColumn(width="small")
    live = next(iter(kept.answers.values()))
    if kept.targets and base.labels:
        truth = next(iter(kept.targets.values()))
        columns["Truth"] = [_said(truth[row], base.labels) for row in rows]
    columns["Live model"] = [_said(live[row], base.labels) for row in rows]
    for id_, answers in given.items():
        name = names[id_]
        columns[name] = [_against(answers[row], live[row], bool(changed[id_][row]), base.labels) for row in rows]
        if base.labels:
            columns[f"{name}, bars"] = [_finite(answers[row]) for row in rows]
            config[f"{name}, bars"] = st.column_config.BarChartColumn(
                "Probabilities",
                y_min=0,
                y_max=1,
                help=f"{name}: the probability of each class, {', '.join(base.labels)}.",
            )
    event = st.dataframe(
        columns,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config=config,
        row_height=38,
        height=420,
        key=f"answers-{len(rows)}",
        alt="Each held-out row with the answer of the live model and of each artifact",
    )
    chosen = [row for row in event.selection.rows if row < len(rows)]
    return int(rows[chosen[0]]) if chosen else (int(rows[0]) if len(rows) else None)


def _finite(values: np.ndarray) -> list[float]:
    return [float(value) for value in np.nan_to_num(values.astype("float64"))]


def _said(values: np.ndarray, labels: list[str]) -> str:
    """An answer in words: the class with the largest value, or the values themselves."""
    flat = np.asarray(values).reshape(-1)
    if labels and flat.size == len(labels):
        return labels[int(flat.argmax())] if np.isfinite(flat).all() else "not a number"
    if flat.dtype.kind in "SU":
        return ", ".join(item.decode() if isinstance(item, bytes) else str(item) for item in flat[:4])
    return ", ".join(f"{value:.5g}" for value in flat[:4]) + (" …" if flat.size > 4 else "")


def _against(values: np.ndarray, live: np.ndarray, changed: bool, labels: list[str]) -> str:
    """An answer, marked by words where it is not the live model's."""
    said = _said(values, labels)
    return f"{said} ≠ {_said(live, labels)}, changed" if changed else said


def _one_row(base: Run, kept: Reference, given: Answers, names: dict[str, str], row: int) -> None:
    """One row close up: the picture, and everybody's probabilities."""
    st.markdown(f"**Row {row}, close up**")
    left, right = st.columns([1, 4], vertical_alignment="center")
    if base.image_shape:
        pixels = next(iter(kept.inputs.values()))[row]
        left.image(row_image(pixels, base.image_shape, 128), width=128, alt=f"The picture of row {row}")
    live = next(iter(kept.answers.values()))
    drawn = {"Live model": _finite(live[row])} | {names[id_]: _finite(answers[row]) for id_, answers in given.items()}
    right.plotly_chart(
        probabilities(base.labels, drawn),
        config=CONFIG,
        alt=f"Probabilities of each class for row {row}",
        key="close-up",
    )


def _costs(outcomes: dict[str, Outcome], names: dict[str, str], entries: dict[str, Entry]) -> None:
    """Size on the disk and time to the first answer, as bars."""
    left, right = st.columns(2)
    bytes_ = [entries[id_].bytes or 0 for id_ in outcomes]
    with left:
        st.subheader("Size")
        figure = bars(
            [names[id_] for id_ in outcomes], [count / 1000 for count in bytes_], "kB", [size(b) for b in bytes_]
        )
        st.plotly_chart(figure, config=CONFIG, alt="Size of each artifact", key="sizes")
    timed = {id_: outcome for id_, outcome in outcomes.items() if outcome.load_seconds is not None}
    if timed:
        with right:
            st.subheader("From click to first answer")
            _times(timed, names)
    st.caption(f"Verdicts, best first: {' · '.join(verdict.words for verdict in Verdict)}.")


def _times(timed: dict[str, Outcome], names: dict[str, str]) -> None:
    parts = {
        "load": [outcome.load_seconds for outcome in timed.values()],
        "first answer": [outcome.first_seconds for outcome in timed.values()],
    }
    hover = {part: [duration(value) for value in values] for part, values in parts.items()}
    milliseconds = {part: [value * 1000 for value in values] for part, values in parts.items()}
    figure = stacked_bars([names[id_] for id_ in timed], milliseconds, "milliseconds", hover)
    st.plotly_chart(figure, config=CONFIG, alt="Seconds to load each artifact and to its first answer", key="times")

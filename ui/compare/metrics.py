"""How far the copies are off: every number with its meaning, the figures, and all against all."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.figures import CONFIG, Titled, all_against_all, of_one, right_answers, who_said_what
from core.text.labels import first_of, verdict_words
from core.text.metrics import CLASSES, CLOSENESS, DISTANCES, WORST, Number, in_tolerance, plain_number
from core.text.summaries import what_changed
from ui.compare.tolerance import ask_tolerance, passed
from ui.compare.verdicts import Comparison
from ui.components import plain
from ui.query_params import in_address

Numbers = dict[str, Any]  # an `OutputNumbers` as JSON


def show_numbers(comparison: Comparison) -> None:
    """Every number on each output, tolerances to hold the copies to, and what became of the right answers."""
    outputs = _by_output(comparison)
    for at, (output, numbers) in enumerate(outputs.items()):
        if len(outputs) > 1:
            st.subheader(f"Output {plain(output)}")
        ask_tolerance(at, list(outputs))
        within = {id_: found.get(output) for id_, found in passed(comparison.job, list(outputs)).items()}
        _distances(comparison, output, numbers, within)
        _tell("Relative to the values", CLOSENESS, comparison, output, numbers)
        _tell("Where the largest difference is", WORST, comparison, output, numbers)
        _ways_to_rows(comparison, at, numbers)
        if any(one["classes"] for one in numbers.values()):
            _classes(comparison, output, numbers)


def _by_output(comparison: Comparison) -> dict[str, dict[str, Numbers]]:
    """The numbers of each copy that answered, by the baseline's output and the copy's id."""
    found: dict[str, dict[str, Numbers]] = {}
    for id_, outcome in comparison.outcomes.items():
        for one in outcome.outputs:
            found.setdefault(one["output"], {})[id_] = one
    return found


def _distances(
    comparison: Comparison, output: str, numbers: dict[str, Numbers], within: dict[str, dict[str, Any] | None]
) -> None:
    """The verdict first, whether it is within the tolerance, then how far."""
    outcomes = comparison.outcomes
    said = [verdict_words(outcomes[id_].verdict, outcomes[id_].changed_rows, outcomes[id_].rows) for id_ in numbers]
    first = {"Verdict": said}
    if within:
        first["Within tolerance"] = [in_tolerance(within.get(id_)) for id_ in numbers]
    _tell("How far apart", DISTANCES, comparison, output, numbers, first)


def _tell(
    title: str,
    told: Sequence[Number],
    comparison: Comparison,
    output: str,
    numbers: dict[str, Numbers],
    first: dict[str, list[str]] | None = None,
) -> None:
    """A line for each copy, a column for each number with its meaning as a tooltip."""
    columns = {"Copy": [comparison.names[id_] for id_ in numbers]} | (first or {})
    columns |= {one.label: [one.of(of_copy) for of_copy in numbers.values()] for one in told}
    config = {one.label: st.column_config.TextColumn(help=one.means, alignment="right") for one in told}
    config["Copy"] = st.column_config.TextColumn(pinned=True, width=150)
    st.markdown(f"**{title}**")
    st.dataframe(
        columns,
        hide_index=True,
        column_config=config,
        height="content",
        key=f"{title}-{output}",
        alt=f"{title}: numbers on the output {output}, a line for each copy",
    )


def _ways_to_rows(comparison: Comparison, at: int, numbers: dict[str, Numbers]) -> None:
    """A button for each row in which somebody's largest difference sits."""
    where: dict[int, list[str]] = {}
    for id_, one in numbers.items():
        if one["worst"]:
            where.setdefault(one["worst"]["row"], []).append(comparison.names[id_])
    with st.container(horizontal=True):
        for row, names in where.items():
            st.button(
                f"Go to row {row:,}",
                key=f"go-{at}-{row}",
                icon=":material/arrow_forward:",
                help=f"The largest difference of {plain(', '.join(names))} is in this row.",
                on_click=_go_to_row,
                args=(row,),
            )


def _go_to_row(row: int) -> None:
    st.query_params["row"] = str(row)
    st.session_state["view"] = "Rows"


def _classes(comparison: Comparison, output: str, numbers: dict[str, Numbers]) -> None:
    """What became of the right answers, in sentences first; then who said what."""
    by_class = {id_: one for id_, one in numbers.items() if one["classes"]}
    _tell("Classes", CLASSES, comparison, output, by_class)
    said: dict[str, list[str]] = {}
    for id_, one in by_class.items():
        said.setdefault(what_changed(one), []).append(comparison.names[id_])
    for sentence, names in said.items():
        st.markdown(f"**{plain(', '.join(names))}** — {plain(sentence)}")
    left, right = st.columns(2, gap="large")
    with left:
        changed = [id_ for id_, one in by_class.items() if one["classes"]["changed"]] or list(by_class)
        id_ = changed[0]
        if len(changed) > 1:
            id_ = st.selectbox(
                "Who said what: against", changed, format_func=comparison.names.get, key=f"agreement-{output}"
            )
        drawn = who_said_what(by_class[id_], comparison.run.labels, comparison.names[id_])
        _draw(drawn, f"agreement-of-{output}", comparison.names[id_])
    with right:
        if drawn := right_answers(by_class, comparison.names, comparison.baseline):
            _draw(drawn, f"accuracy-of-{output}", ", ".join(comparison.names.values()))


def show_pictures(comparison: Comparison) -> None:
    """The figures of one copy and one output."""
    outputs = _by_output(comparison)
    left, right = st.columns(2)
    output = next(iter(outputs))
    if len(outputs) > 1:
        output = right.selectbox("Output", **in_address("output", list(outputs)), format_func=plain)
    # The copy that is furthest off stands first.
    copies = sorted(outputs[output], key=lambda id_: float(outputs[output][id_]["atol_needed"] or 0), reverse=True)
    id_ = left.selectbox("Copy", **in_address("copy", copies), format_func=comparison.names.get)
    numbers = outputs[output][id_]
    if numbers["identical"]:
        st.success("Bit-identical: every number is the same, so there is nothing to draw.", icon=":material/verified:")
        return
    if not numbers["histogram"]:
        st.info("This output is text, which has no distances to draw; its rows are under Rows.", icon=":material/info:")
        return
    with st.grid(2, min_column_width=380, gap="large"):
        for at, drawn in enumerate(of_one(numbers, comparison.run.labels, comparison.names[id_])):
            with st.container(key=f"figure-{at}"):
                _draw(drawn, f"figure-of-{id_}-{output}-{at}", comparison.names[id_])


def show_matrix(comparison: Comparison) -> None:
    """All against all, and the same as a table."""
    found = comparison.job.result["matrix"]
    _draw(all_against_all(found, comparison.names), "matrix", ", ".join(comparison.names.values()))
    cells = found["cells"]
    with st.expander("The same as a table"):
        st.dataframe(
            {
                "One": [comparison.names[cell["a"]] for cell in cells],
                "Other": [comparison.names[cell["b"]] for cell in cells],
                "Verdict": [_pair_in_words(cell, found["rows"]) for cell in cells],
                "Largest difference": [
                    "–" if cell["max_abs"] is None else plain_number(cell["max_abs"]) for cell in cells
                ],
            },
            hide_index=True,
            key="matrix-table",
            alt="Each two of them, with the verdict and the largest difference",
        )


def _pair_in_words(cell: dict[str, Any], asked: int) -> str:
    if cell["verdict"] is None:
        return cell["error"]["sentence"]
    said = [verdict_words(cell["verdict"], cell["changed_rows"], cell["rows"]), first_of(cell["rows"], asked)]
    return ", ".join(words for words in said if words)


def _draw(drawn: Titled, key: str, whose: str) -> None:
    st.markdown(f"**{drawn.title}**")
    st.caption(drawn.reads)
    st.plotly_chart(drawn.figure, config=CONFIG, key=key, alt=f"{drawn.title}: {whose}")

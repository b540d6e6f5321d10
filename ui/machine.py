"""What the Health page shows of the machine: the sandbox and its self-test, versions, disk, catalog, settings."""

import re

import streamlit as st

from core.health import Check, doctor
from core.worker import SelfTest
from ui.state import office
from ui.words import duration, moment, plain

ICONS = {
    "ok": ":green[:material/check_circle:]",
    "remark": ":orange[:material/info:]",
    "wrong": ":red[:material/error:]",
}
TABS = {
    "Disk and memory": ("Machine", "Disk"),
    "Library": ("Catalog", "Library"),
    "Versions": ("Versions",),
    "Settings": ("Settings",),
}


def show_sandbox() -> None:
    """What a confined process tried, and what was blocked: the latest self-test."""
    st.subheader("Sandbox", help="A process of its own in which files that are brought in are opened and run.")
    worker = office().worker
    if worker.tested is None:
        st.caption("It was not tried out since the server started.")
    else:
        _tested(worker.tested)
    tries = "A confined process tries what it must not be able to do."
    if st.button("Try it out", icon=":material/shield:", help=tries):
        with st.spinner("A confined process tries to get out"):
            worker.self_test(again=True)
        st.rerun()


def _tested(tested: SelfTest) -> None:
    show = st.success if tested.blocked else st.warning
    show(plain(_spoken(tested.sentence)), icon=":material/shield:" if tested.blocked else ":material/shield_question:")
    lines = [f"{ICONS['ok' if one.blocked else 'wrong']} {plain(_spoken(one.sentence))}" for one in tested.probes]
    half = (len(lines) + 1) // 2
    with (
        st.expander(f"What was tried on {moment(tested.created)}, in {duration(tested.seconds)}"),
        st.grid(2, min_column_width=300),
    ):
        for part in (lines[:half], lines[half:]):
            st.markdown("  \n".join(part))


def _spoken(sentence: str) -> str:
    """Without the name of the error by which the system refused."""
    return re.sub(r" \(E[A-Z0-9]+\)", "", sentence)


def show_machine() -> None:
    """Everything else that was looked at; what is not as it should be stands first, in the open."""
    st.subheader("This machine")
    checks = doctor(office().library, office().config)
    for check in checks:
        if check.state != "ok":
            st.markdown(f"{ICONS[check.state]} **{plain(check.name)}:** {plain(check.sentence)}")
    for tab, about in zip(st.tabs(list(TABS)), TABS.values(), strict=True):
        with tab:
            _table([check for check in checks if check.about in about])


def _table(checks: list[Check]) -> None:
    rows = [f"| {ICONS[one.state]} {_cell(one.name)} | {_cell(one.sentence)} |" for one in checks]
    st.markdown("\n".join(["| What | How it is |", "|---|---|", *rows]))


def _cell(text: str) -> str:
    return plain(" ".join(text.split()))

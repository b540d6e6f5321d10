"""What a person says of an artifact: name, tags, note, aliases, pin; and where it comes from."""

from typing import Any

import streamlit as st

from core.errors import RoundtripError
from core.formats import all_formats
from core.library import Entry, Library
from core.library.annotations import NAME, NOTE
from core.library.lineage import Lineage, Step, lineage
from core.text.labels import counted, moment
from ui.components import demo_label, plain, show_error
from ui.session import current_jobs

FEW = 3  # copies made from one that are listed in the open
KEPT = "marks-kept"  # in the session: that marks were just kept


def edit_marks(entry: Entry) -> None:
    """A form with the marks of an artifact, and the name of its run."""
    library = current_jobs().library
    marks, run = library.marks(entry.id), library.run(entry.run)
    with st.form(f"marks-of-{entry.id}", enter_to_submit=False):
        tags = st.multiselect(
            "Tags",
            sorted({*library.tags(), *marks.tags}),
            default=marks.tags,
            accept_new_options=True,
            placeholder="Type a tag, then Enter",
            key=f"tags-of-{entry.id}",
        )
        aliases = st.text_input(
            "Aliases",
            " ".join(entry.aliases),
            help="Names that point to one artifact each, such as champion, with blanks between them. One that points "
            "elsewhere moves here. They stand for the id in addresses and on the command line.",
        )
        note = st.text_area("Note", marks.note, max_chars=NOTE)
        name = st.text_input("Name of its run", run.name, max_chars=NAME, help="All artifacts of the run go by it.")
        pinned = st.toggle("Pinned", marks.pinned, help="It cannot be removed until it is unpinned.")
        if st.form_submit_button("Keep this", icon=":material/check:"):
            _keep(library, entry, aliases.split(), name if name != run.name else None, tags, note, pinned)
    if st.session_state.pop(KEPT, "") == entry.id:
        st.toast("Kept.", icon=":material/check:")


def _keep(library: Library, entry: Entry, aliases: list[str], name: str | None, tags: list, note: str, pinned: bool):
    try:
        library.mark(entry.id, tags=tags, note=note, pinned=pinned)
        for alias in dict.fromkeys(aliases):
            library.point(alias, entry.id)
        for alias in set(entry.aliases) - set(aliases):
            library.drop_alias(alias)
        if name is not None:
            library.mark(entry.run, name=name)
    except RoundtripError as error:
        show_error(error)
        return
    st.session_state[KEPT] = entry.id
    st.rerun()


@st.dialog("Tags")
def tag_dialog(ids: list[str]) -> None:
    """Add tags to many artifacts, and take others off."""
    library = current_jobs().library
    on = sorted({tag for id_ in ids for tag in library.marks(id_).tags})
    add = st.multiselect("Add", sorted(library.tags()), accept_new_options=True, placeholder="Type a tag, then Enter")
    drop = st.multiselect("Take off", on, disabled=not on)
    if st.button(f"Tag {counted(len(ids), 'artifact')}", type="primary", disabled=not (add or drop)):
        try:
            library.tag(ids, add, drop)
        except RoundtripError as error:
            show_error(error)
            return
        st.rerun()


def show_lineage(id_: str) -> None:
    """From what an artifact was made, back to its run; and what was made from it."""
    found = lineage(current_jobs().library, id_)
    st.markdown("**Where it comes from**")
    if found.problem:
        st.warning(plain(found.problem), icon=":material/broken_image:")
    lines = [_origin(found), *(_step("Converted from", one) for one in reversed(found.made_from))]
    made = [_step("Made into", one) for one in found.made_into]
    st.markdown("\n".join(f"- {line}" for line in [*lines, *(made if len(made) <= FEW else [])] if line))
    if len(made) > FEW:
        with st.expander(f"Made into {len(made):,} others"):
            st.markdown("\n".join(f"- {line}" for line in made))
    if found.origin and found.origin.settings:
        with st.expander("The settings of the training"):
            st.table({name.replace("_", " "): plain(str(one)) for name, one in found.origin.settings.items()})
    came = found.origin and found.origin.brought and not found.made_from
    with st.expander("The versions here when it was brought in" if came else "The versions that wrote it"):
        st.table(_versions(found))


def _origin(found: Lineage) -> str:
    run = found.origin
    if not run:
        return ""
    if run.brought:
        how = f"brought in as {plain(str(run.brought.get('file', 'a file')))}"
    else:
        how = f"trained from the demo “{plain(demo_label(run.demo))}”" if run.demo else "added from a program"
    return f"Run “{plain(run.name)}” ({run.run}), {how}, {moment(run.created)}"


def _step(what: str, one: Step) -> str:
    more = f", {one.state}" if one.state != "kept" else ""
    labels = {known.key: known.label for known in all_formats()}
    made = labels.get(one.format or "", one.format or "an artifact")
    return f"{what} {plain(made)} ({plain(one.artifact)}){more}"


def _versions(found: Lineage) -> dict[str, Any]:
    return {name: plain(version) for name, version in found.versions.items()}

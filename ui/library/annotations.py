"""What a person says of an artifact: name, tags, note, aliases, pin; and where it comes from."""

import streamlit as st

from core.errors import RoundtripError
from core.library import Entry, Library
from core.library.annotations import MAX_NAME_LENGTH, MAX_NOTE_LENGTH
from core.text.labels import pluralize
from ui.components import show_error
from ui.session import current_jobs

SAVED_ANNOTATIONS = "marks-kept"  # in the session: that marks were just kept


def edit_annotations(entry: Entry) -> None:
    """A form with the marks of an artifact, and the name of its run."""
    library = current_jobs().library
    marks, run = library.annotations(entry.id), library.run(entry.run or "")
    with st.form(f"marks-of-{entry.id}", enter_to_submit=False):
        tags = st.multiselect(
            "Tags",
            sorted({*library.count_tags(), *marks.tags}),
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
        note = st.text_area("Note", marks.note, max_chars=MAX_NOTE_LENGTH)
        name = st.text_input(
            "Name of its run", run.name, max_chars=MAX_NAME_LENGTH, help="All artifacts of the run go by it."
        )
        pinned = st.toggle("Pinned", marks.pinned, help="It cannot be removed until it is unpinned.")
        if st.form_submit_button("Keep this", icon=":material/check:"):
            _save_annotations(library, entry, aliases.split(), name if name != run.name else None, tags, note, pinned)
    if st.session_state.pop(SAVED_ANNOTATIONS, "") == entry.id:
        st.toast("Kept.", icon=":material/check:")


def _save_annotations(
    library: Library, entry: Entry, aliases: list[str], name: str | None, tags: list, note: str, pinned: bool
):
    try:
        library.annotate(entry.id, tags=tags, note=note, pinned=pinned)
        for alias in dict.fromkeys(aliases):
            library.set_alias(alias, entry.id)
        for alias in set(entry.aliases) - set(aliases):
            library.drop_alias(alias)
        if name is not None:
            library.annotate(entry.run or "", name=name)
    except RoundtripError as error:
        show_error(error)
        return
    st.session_state[SAVED_ANNOTATIONS] = entry.id
    st.rerun()


@st.dialog("Tags")
def edit_tags(ids: list[str]) -> None:
    """Add tags to many artifacts, and take others off."""
    library = current_jobs().library
    on = sorted({tag for id_ in ids for tag in library.annotations(id_).tags})
    add = st.multiselect(
        "Add", sorted(library.count_tags()), accept_new_options=True, placeholder="Type a tag, then Enter"
    )
    drop = st.multiselect("Take off", on, disabled=not on)
    if st.button(f"Tag {pluralize(len(ids), 'artifact')}", type="primary", disabled=not (add or drop)):
        try:
            library.tag(ids, add, drop)
        except RoundtripError as error:
            show_error(error)
            return
        st.rerun()

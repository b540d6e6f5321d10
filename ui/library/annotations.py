"""Forms for the annotations of artifacts: tags, aliases, note, pin and the name of the run."""

import streamlit as st

from core.errors import RoundtripError
from core.library import Entry, Library
from core.library.annotation_files import MAX_NAME_LENGTH, MAX_NOTE_LENGTH
from core.text.labels import pluralize
from ui.components import show_error
from ui.session import current_jobs

SAVED_ANNOTATIONS = "marks-kept"  # in the session: the id of the artifact whose annotations were just saved


def edit_annotations(entry: Entry) -> None:
    """Show a form with the annotations of an artifact, and the name of its run."""
    library = current_jobs().library
    annotations, run = library.annotations(entry.id), library.run(entry.run or "")
    with st.form(f"marks-of-{entry.id}", enter_to_submit=False):
        tags = st.multiselect(
            "Tags",
            sorted({*library.count_tags(), *annotations.tags}),
            default=annotations.tags,
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
        st.caption("Two words are two aliases.")
        note = st.text_area("Note", annotations.note, max_chars=MAX_NOTE_LENGTH)
        name = st.text_input(
            "Name of its run", run.name, max_chars=MAX_NAME_LENGTH, help="All artifacts of the run go by it."
        )
        pinned = st.toggle("Pinned", annotations.pinned, help="It cannot be removed until it is unpinned.")
        if st.form_submit_button("Keep changes", icon=":material/check:"):
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


def edit_tags(ids: list[str]) -> None:
    """Open a dialog that adds tags to artifacts, and removes tags from them."""
    st.dialog(f"Tags of {pluralize(len(ids), 'artifact')}")(_show_tag_form)(ids)


def _show_tag_form(ids: list[str]) -> None:
    library = current_jobs().library
    known, present = library.count_tags(), sorted({tag for id_ in ids for tag in library.annotations(id_).tags})
    added = st.multiselect("Add", sorted(known), accept_new_options=True, placeholder="Type a tag, then Enter")
    removed = st.multiselect("Take off", present, disabled=not present)
    if st.button(f"Tag {pluralize(len(ids), 'artifact')}", type="primary", disabled=not (added or removed)):
        try:
            library.tag(ids, added, removed)
        except RoundtripError as error:
            show_error(error)
            return
        st.rerun()

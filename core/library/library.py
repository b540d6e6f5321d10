"""The library: all runs and artifacts that are stored.

Lists come from the catalog where there may be many entries, and from the folders where nothing may be missed.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from core.library.annotations import AnnotationMixin
from core.library.commits import CommitMixin
from core.library.listing import ListingMixin
from core.library.trash import TrashMixin

if TYPE_CHECKING:
    from core.library.add_model import AddResult
    from core.worker import Worker


class Library(ListingMixin, CommitMixin, AnnotationMixin, TrashMixin):
    """Runs and artifacts in a folder (`ROUNDTRIP_HOME`), and a catalog of them.

    For one person (see `for_viewer`) what is another's alone raises UnknownName, as if it were not there, and what is
    another's and shared cannot be changed. Opening a library makes its folder, and clears away what processes that are
    gone had staged. Raises StorageFailed when the folder cannot be made.
    """

    def add(
        self,
        model: Any,
        inputs: Any,
        formats: Iterable[str],
        name: str = "",
        worker: "Worker | None" = None,
        *,
        keep_state: bool = False,
    ) -> list["AddResult"]:
        """Save a Keras model or tf.Module of your own, from a notebook or a script, with its reference.

        Args:
            inputs: What the model's `predict` takes, rows first: an array, a list, a dictionary, a table of pandas; the
                model's predictions become the reference.
            worker: Reloads the copies and stays as it is; without one, a worker is started and ended.
            keep_state: Whether what the model remembers is kept from row to row, which are one sequence then, and not
                forgotten after each call.

        Nothing in the model or the program is changed; a model that another thread trains meanwhile cannot be saved.
        Training by its optimizer loses nothing. That by a loop of one's own is noticed by its weights, while the copies
        are reloaded; what it wrote while a copy was being written is taken back.
        Returns one result for each format, in order. Raises InputError when the model or the inputs cannot be used at
        all, CannotSave when the model cannot be stored.
        """
        from core.library.add_model import save_live_model  # with all formats and demos, which nothing else here needs

        chosen = [formats] if isinstance(formats, str) else list(formats)
        return save_live_model(self, model, inputs, chosen, name, worker, keep_state)

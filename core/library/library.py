"""The library: all runs and artifacts that are kept, whole or absent, whatever is killed when."""

from collections.abc import Iterable
from typing import Any

from core.library.keeping import Keeping
from core.library.listing import Listing
from core.library.marking import Marking
from core.library.removing import Removing
from core.worker import Worker


class Library(Listing, Keeping, Marking, Removing):
    """Runs and artifacts in a folder (`ROUNDTRIP_HOME`), and a catalog of them.

    For one person (see `seen_by`) what is another's alone raises UnknownName, as if it were not there, and what is
    another's and shared cannot be changed.
    Opening it makes the folder, and clears away what processes that are gone had staged.
    Raises StorageFailed when the folder cannot be made.
    """

    def add(
        self, model: Any, inputs: Any, formats: Iterable[str], name: str = "", worker: Worker | None = None
    ) -> list[Any]:
        """Save a Keras model or tf.Module of your own, from a notebook or a script, with its reference.

        `inputs` is an array, batch first, or a dictionary of them; the model's answers to it become the reference.
        Gives one `Added` for each format, in order: its artifact and evidence, or the error that the format raised.
        With `worker`, that one reloads the copies and stays as it is; else one is started and ended.
        Raises InputError when the model or the inputs cannot be used at all, CannotSave when the model cannot be kept.
        """
        from core.library.adding import add

        return add(self, model, inputs, list(formats), name, worker)

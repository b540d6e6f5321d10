"""Participants of a comparison that are loaded into one child after another: small copies of our own, without code."""

from collections.abc import Callable
from typing import cast

from core.arrays import Arrays
from core.context import AppContext
from core.formats import get_format
from core.jobs.code_sources import NO_SOURCE
from core.jobs.participants import artifact_request, is_imported, load_participant, run_id_of
from core.library import Library
from core.library.records import Run
from core.worker.child_handle import CancelCheck, Child
from core.worker.child_pool import ChildPool
from core.worker.remote_predictor import RemotePredictor, load_into
from core.worker.tasks.predict import LoadReply

MAX_SHARED_BYTES = 64 * 2**20  # of a model's weights: a larger one has a child to itself

Use = Callable[[RemotePredictor], object]


def use_participant(
    context: AppContext,
    children: ChildPool,
    id_: str,
    source: str,
    first_row: Arrays,
    cancelled: CancelCheck,
    use: Use,
) -> LoadReply:
    """Load a participant where nothing of its run was loaded before, use it, and say what is known of it.

    Raises as `load_participant`, and what `use` raises.
    """
    run = context.library.run(run_id_of(context, id_))
    if id_ == run.id or not may_share_child(context.library, run, id_, source):
        with load_participant(context, id_, source, first_row, cancelled, variables=True) as predictor:
            use(predictor)
        return cast(LoadReply, predictor.facts)
    request = artifact_request(context.library, id_, source)

    def load_and_use(child: Child) -> LoadReply:
        seconds = context.config.child_seconds
        predictor = load_into(
            child, "load", seconds=seconds, cancelled=cancelled, arrays=first_row, variables=True, **request
        )
        use(predictor)
        return cast(LoadReply, predictor.facts)

    return children.use_for(run.id, load_and_use, cancelled)


def may_share_child(library: Library, run: Run, artifact_id: str, source: str) -> bool:
    """Whether a child that has loaded this may load a copy of another run: it is ours, small, and brings no code."""
    runs_code = get_format(library.artifact(artifact_id).format).runs_code
    brings_code = source != NO_SOURCE.key or runs_code
    return not brings_code and not is_imported(library, run, source) and run.weight_bytes <= MAX_SHARED_BYTES

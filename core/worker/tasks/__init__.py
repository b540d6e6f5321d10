"""What a child can be asked to do: the registry of its tasks."""

from collections.abc import Callable

from core.sandbox.escape_attempts import attempt
from core.validation.content import inspect_brought
from core.worker.tasks.base import Reply
from core.worker.tasks.benchmark import measure, rehearse, threads
from core.worker.tasks.inspect import describe as describe_files
from core.worker.tasks.inspect import describe_tensor, differ, hold_tensor, tensor_piece
from core.worker.tasks.predict import (
    answer,
    hold,
    hold_brought,
    hold_live,
    look_inside,
    read_tensor,
    rows,
    sketch_tensor,
)
from core.worker.tasks.resume import resume
from core.worker.tasks.save_reload import reload, save
from core.worker.tasks.train import train

TASKS: dict[str, Callable[..., Reply]] = {
    "train": train,
    "save": save,
    "reload": reload,
    "hold": hold,
    "hold_live": hold_live,
    "hold_brought": hold_brought,
    "answer": answer,
    "rows": rows,
    "look_inside": look_inside,
    "sketch_tensor": sketch_tensor,
    "read_tensor": read_tensor,
    "resume": resume,
    "rehearse": rehearse,
    "measure": measure,
    "threads": threads,
    "attempt": attempt,
    "inspect_brought": inspect_brought,
    "describe": describe_files,
    "describe_tensor": describe_tensor,
    "hold_tensor": hold_tensor,
    "tensor_piece": tensor_piece,
    "differ": differ,
}

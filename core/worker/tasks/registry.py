"""The registry of tasks: the names by which the app requests them."""

from collections.abc import Callable

from core.sandbox.escape_attempts import attempt_escapes
from core.validation.content import validate_content
from core.worker.tasks.activations import list_activations, read_activation, sketch_activation
from core.worker.tasks.base import Reply
from core.worker.tasks.benchmark import benchmark_artifact, read_thread_counts, warm_up
from core.worker.tasks.break_it import prepare_cards, try_card
from core.worker.tasks.content import hash_files
from core.worker.tasks.dataset_rows import read_dataset_rows
from core.worker.tasks.import_model import load_imported
from core.worker.tasks.inspect import describe_files, describe_tensor, load_tensor, read_tensor_chunk
from core.worker.tasks.predict import load, predict, unload
from core.worker.tasks.resume import resume_training
from core.worker.tasks.save_reload import prepare_reload, probe, reload, save
from core.worker.tasks.tensor_diff import diff_artifacts
from core.worker.tasks.train import train

TASKS: dict[str, Callable[..., Reply]] = {
    "train": train,
    "save": save,
    "prepare_reload": prepare_reload,
    "reload": reload,
    "probe": probe,
    "load": load,
    "load_imported": load_imported,
    "predict": predict,
    "unload": unload,
    "rows": read_dataset_rows,
    "look_inside": list_activations,
    "sketch_tensor": sketch_activation,
    "read_tensor": read_activation,
    "resume": resume_training,
    "rehearse": warm_up,
    "measure": benchmark_artifact,
    "threads": read_thread_counts,
    "attempt": attempt_escapes,
    "inspect_brought": validate_content,
    "hash_content": hash_files,
    "describe": describe_files,
    "describe_tensor": describe_tensor,
    "hold_tensor": load_tensor,
    "tensor_piece": read_tensor_chunk,
    "differ": diff_artifacts,
    "prepare_cards": prepare_cards,
    "try_card": try_card,
}

"""The process in which TensorFlow lives, and the fresh child for every job."""

from core.worker.child_handle import Child
from core.worker.file_exchange import OutputFolder
from core.worker.sandbox_check import EscapeAttempt, SandboxCheck
from core.worker.worker import Worker, WorkerState

__all__ = ["Child", "EscapeAttempt", "OutputFolder", "SandboxCheck", "Worker", "WorkerState"]

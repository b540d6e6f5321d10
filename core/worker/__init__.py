"""The process in which TensorFlow lives, and the fresh child for every job."""

from core.worker.child_handle import Child
from core.worker.file_exchange import OutputFolder
from core.worker.sandbox_test import EscapeAttempt, SandboxTest
from core.worker.worker import Worker, WorkerState, run_sandbox_test

__all__ = ["Child", "EscapeAttempt", "OutputFolder", "SandboxTest", "Worker", "WorkerState", "run_sandbox_test"]

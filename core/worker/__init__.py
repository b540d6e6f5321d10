"""The process in which TensorFlow lives, and the fresh child for every job."""

from core.worker.child_handle import Child
from core.worker.file_exchange import Writes
from core.worker.sandbox_test import Probe, SelfTest
from core.worker.worker import Worker, WorkerState, self_test

__all__ = ["Child", "Probe", "SelfTest", "Worker", "WorkerState", "Writes", "self_test"]

"""The process in which TensorFlow lives, and the fresh child for every job."""

from core.worker.asking import Child
from core.worker.worker import Worker, WorkerState

__all__ = ["Child", "Worker", "WorkerState"]

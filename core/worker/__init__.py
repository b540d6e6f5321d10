"""The process in which TensorFlow lives, and the fresh child for every job."""

from core.worker.worker import Child, Worker, WorkerState

__all__ = ["Child", "Worker", "WorkerState"]

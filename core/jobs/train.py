"""Job: train a demo in a fresh child."""

import time
from typing import Any, TypedDict, cast

from core.demos import get_demo
from core.jobs.execution.job_handle import JobHandle


class TrainRequest(TypedDict):
    """`settings` are those of `TrainSettings`."""

    demo: str
    settings: dict[str, Any]


class TrainResult(TypedDict):
    run: str  # its id


class DemoFacts(TypedDict):
    """What the run's record says of its demo, so that it can be read without the demo's code."""

    demo: str
    settings: dict[str, Any]
    name: str
    labels: list[str]
    image_shape: tuple[int, int] | None


def run_train(handle: JobHandle) -> TrainResult:
    """Train, then store the run whole."""
    if earlier := handle.library.find_earlier("r"):  # a worker stored it before it was gone
        return {"run": earlier}
    request, started = cast(TrainRequest, handle.request), time.monotonic()
    limits: dict[str, Any] = {**handle.limits, "seconds": handle.config.train_seconds}

    def report_epoch(progress: dict[str, Any]) -> None:
        note = f"Epoch {max(progress['epoch'], 1)} of {request['settings']['epochs']}"
        handle.report_progress(progress["done"], note, **progress)

    with handle.library.staging() as folder:
        frame = handle.worker.run("train", on_progress=report_epoch, folder=str(folder), **limits, **request)
        facts = frame.message
        handle.report_progress(1.0, "Keeping the run", history=facts.pop("history"))
        facts |= {**_demo_facts(request), "seconds": time.monotonic() - started}
        run = handle.library.commit_run(folder, facts)
    return {"run": run.id}


def _demo_facts(request: TrainRequest) -> DemoFacts:
    demo, settings = get_demo(request["demo"]), request["settings"]
    epochs = "1 epoch" if settings["epochs"] == 1 else f"{settings['epochs']} epochs"
    return {
        "demo": demo.key,
        "settings": settings,
        "name": f"{demo.label} · {epochs} · seed {settings['seed']}",
        "labels": list(demo.labels),
        "image_shape": demo.image_shapes.get(settings["dataset"]),
    }

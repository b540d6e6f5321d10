"""The work of a training job."""

import time
from typing import Any

from core.context import AppContext
from core.demos import get_demo
from core.jobs.runner import JobHandle


def run_train(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Train in a fresh child, then keep the run whole; gives `{"run": id}`."""
    request, started = handle.job.request, time.monotonic()

    def hear(progress: dict[str, Any]) -> None:
        handle.report_progress(progress["done"], f"Epoch {max(progress['epoch'], 1)}", **progress)

    with context.library.staging() as folder:
        facts = context.worker.run(
            "train",
            seconds=context.config.train_seconds,
            cancelled=handle.is_cancelled,
            on_progress=hear,
            folder=str(folder),
            **request,
        ).message
        handle.report_progress(1.0, "Keeping the run", history=facts.pop("history"))
        run = context.library.commit_run(folder, facts | _demo_facts(request) | {"seconds": time.monotonic() - started})
    return {"run": run.id}


def _demo_facts(request: dict[str, Any]) -> dict[str, Any]:
    """What the run's record says of its demo, so that it can be read without the demo's code."""
    demo, chosen = get_demo(request["demo"]), request["settings"]
    epochs = "1 epoch" if chosen["epochs"] == 1 else f"{chosen['epochs']} epochs"
    return {
        "demo": demo.key,
        "settings": chosen,
        "name": f"{demo.label} · {epochs} · seed {chosen['seed']}",
        "labels": list(demo.labels),
        "image_shape": demo.image_shapes.get(chosen["dataset"]),
    }

"""`python mlflow_side.py FOLDER VERSIONS MODEL PACKAGES`: MLflow's side, run by the python of its own environment.

Reads "search" or "log_model" on standard input, line by line; answers each with `{"seconds": ...}`.
"""

import json
import logging
import random
import sys
import time


def main(folder: str, versions: str, model: str, packages: str) -> None:
    import mlflow
    from mlflow import MlflowClient

    logging.disable(logging.INFO)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_experiment("beside")
    client, chance = MlflowClient(), random.Random(0)
    client.create_registered_model("kept")
    for number in range(int(versions)):
        tags = {"format": chance.choice(("keras", "h5", "onnx")), "stage": chance.choice(("nightly", "production"))}
        client.create_model_version("kept", source=f"{folder}/{number}", tags=tags)

    def search() -> None:
        wanted = "tags.format = 'keras' and tags.stage = 'nightly'"
        result = client.search_model_versions(wanted, max_results=50, order_by=["creation_timestamp DESC"])
        assert len(result) == 50

    sys.path.append(packages)
    import keras
    import mlflow.tensorflow

    live = keras.models.load_model(model)

    def log_model() -> None:
        # Its requirements are given, so that it need not find them out in another process.
        with mlflow.start_run():
            mlflow.tensorflow.log_model(
                live, name="model", registered_model_name="logged", pip_requirements=["tensorflow"]
            )

    _say(0)
    for line in sys.stdin:
        action = {"search": search, "log_model": log_model}[line.strip()]
        started = time.perf_counter()
        action()
        _say(time.perf_counter() - started)


def _say(seconds: float) -> None:
    print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""An engine of a format: its model is one factor; it dies of numbers below zero, and hangs above 99."""

import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np

MODULES = ("numpy",)
DISTRIBUTIONS = ()


def save(given, folder):
    float((Path(given) / "artifact" / "factor.txt").read_text())
    shutil.copy(Path(given) / "artifact" / "factor.txt", folder)


def load(kit):
    factor = np.float32((Path(kit) / "artifact" / "factor.txt").read_text())

    def predict(inputs):
        if "file" in inputs:
            return {"y": factor * inputs["file"]}
        if (inputs["x"] > 99).any():
            time.sleep(60)
        if (inputs["x"] < 0).any():
            print("the last words", file=sys.stderr, flush=True)
            os._exit(1)
        return {"y": factor * inputs["x"]}

    predict.factor = factor
    return predict


def read(predict, out):
    weights = [("factor", np.asarray(predict.factor)), ("factor", np.zeros((), "float32"))]
    return {"inputs": [["x", "float32", [None, 1]]], "weights": weights, "optimizer": []}

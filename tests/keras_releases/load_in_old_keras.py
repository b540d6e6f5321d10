"""Run by the Keras that stands first on its path: load each `.keras` file of a folder, and write its predictions.

For every NAME.keras it reads NAME.inputs.npz, and writes NAME.answer.npz, or NAME.error.txt with what Keras raised.
"""

import sys
from pathlib import Path

import numpy as np


def main(folder: Path) -> None:
    import keras

    for path in sorted(folder.glob("*.keras")):
        inputs = dict(np.load(path.with_suffix(".inputs.npz")))
        try:
            model = keras.saving.load_model(path, compile=False)
            answer = model(next(iter(inputs.values())), training=False)
            np.savez(path.with_suffix(".answer.npz"), answer=np.asarray(answer))
        except (TypeError, ValueError, AttributeError, KeyError, ImportError, RuntimeError) as error:
            path.with_suffix(".error.txt").write_text(f"{type(error).__name__}: {str(error)[-400:]}")


main(Path(sys.argv[1]))

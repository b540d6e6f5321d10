"""Runs many kits in this one process: `python -I kit_batch.py FOLDER...`; a line of JSON for each."""

import contextlib
import io
import json
import runpy
import sys
from pathlib import Path


def run_kit_in_process(folder: str) -> dict:
    for name in ("load", "model"):
        sys.modules.pop(name, None)
    if "keras" in sys.modules:  # a kit is alone in its process, and names its layers anew
        sys.modules["keras"].utils.clear_session()
    sys.path[:] = [path for path in sys.path if not Path(path, "kit.json").is_file()]
    text, status = io.StringIO(), None
    with contextlib.redirect_stdout(text):
        try:
            runpy.run_path(str(Path(folder, "verify.py")), run_name="__main__")
        except SystemExit as ended:
            status = ended.code
    return {"folder": folder, "status": status, "output": text.getvalue()}


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        print("KIT " + json.dumps(run_kit_in_process(folder)), flush=True)

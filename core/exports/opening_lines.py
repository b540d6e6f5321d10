"""What a person types to open a copy without Roundtrip, once its proof kit is unpacked."""

SHELL_LINES = """\
python -m venv env
env/bin/pip install -r requirements.txt   # on Windows: env\\Scripts\\pip
env/bin/python verify.py                  # PASS, or how far off; exit status 0 or 1
"""
PYTHON_INTRODUCTION = (
    "In a program beside it, run by `env/bin/python` (on Windows: `env\\Scripts\\python`), where these packages are:"
)
PYTHON_LINES = """\
import numpy as np
from load import load

predict = load()
rows = dict(np.load("inputs.npz"))  # or {what}
print(predict(rows))
"""


def render_python_lines(is_one_call: bool) -> str:
    """Return the lines that load a copy and ask it; `is_one_call` of a model without an axis for rows."""
    rows = "" if is_one_call else ", one row per entry of the first axis"
    return PYTHON_LINES.format(what=f"your own: arrays under the same names{rows}")

"""What a person types to open a copy without Roundtrip, once its proof kit is unpacked."""

SHELL_LINES = """\
python -m venv env
env/bin/pip install -r requirements.txt   # on Windows: env\\Scripts\\pip
env/bin/python verify.py                  # PASS, or how far off; exit status 0 or 1
"""
PYTHON_LINES = """\
import numpy as np
from load import load

predict = load()
rows = dict(np.load("inputs.npz"))  # or rows of your own, as arrays under the same names
print(predict(rows))
"""

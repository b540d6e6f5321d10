#!/usr/bin/env bash
# gensim reads back other words and other vectors than it wrote, where a word has a space in it.
#
# Guess: save_word2vec_format writes what load_word2vec_format reads (its binary form knows how long a vector is), or refuses a
# key with a space, as "new york" is among place names and phrases.
# Seen on 2026-12-01, gensim 4.4.0, NumPy 2.4.6, Python 3.11, no error and no warning, vectors of three numbers:
#   written   new york 1 2 3                paris 4 5 6                           rome 7 8 9
#   binary    new 2.9e26 and two next to 0   "paris" behind five other bytes 4 5 6   rome 7 8 9   ("york" has become numbers)
# The text form is written, too, and loading it raises "could not convert string to float: 'york'". KeyedVectors.save and
# load keep the words and the numbers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gensim==4.4.0 numpy==2.4.6 scipy==1.17.1 \
  smart-open==9.0.2 wrapt==2.5.2
cd "$folder"
"$folder/venv/bin/python" -W error - <<'PY'
import platform
from importlib.metadata import version

import numpy as np
from gensim.models import KeyedVectors

print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in ("gensim", "numpy")))
WORDS, NUMBERS = ["new york", "paris", "rome"], np.arange(1, 10, dtype="float32").reshape(3, 3)
vectors = KeyedVectors(3)
vectors.add_vectors(WORDS, NUMBERS)
vectors.save_word2vec_format("binary", binary=True)
vectors.save_word2vec_format("text", binary=False)
vectors.save("own")
binary, own = KeyedVectors.load_word2vec_format("binary", binary=True), KeyedVectors.load("own")
print("binary", binary.index_to_key, binary.vectors.tolist())
assert own.index_to_key == WORDS and (own.vectors == NUMBERS).all()
assert len(binary.index_to_key) == 3 and binary.index_to_key[::2] == ["new", "rome"]
assert binary.index_to_key[1] != "paris" and binary.index_to_key[1].endswith("paris")
assert binary.vectors[0, 0] > 1e26 and (binary.vectors[1:] == NUMBERS[1:]).all()
try:
    KeyedVectors.load_word2vec_format("text", binary=False)
except ValueError as error:
    print("text", error)
    assert str(error) == "could not convert string to float: 'york'"
else:
    raise AssertionError("the text form loads")
PY

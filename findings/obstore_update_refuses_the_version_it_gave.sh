#!/usr/bin/env bash
# obstore: the version of an object that `put` and `head` give is refused by the next conditional `put`.
#
# Guess: a conditional update takes what the last put or head returned, as its type `UpdateVersion` says: an e_tag and a
# version, each of them text or None.
# Seen on 2026-11-30, obstore 0.12.1, Python 3.11: a store without versions (in memory; S3 and a folder give the same)
# returns version None, and putting with just that dictionary raises TypeError "'None' is not an instance of 'str'".
# Without the key "version" the same update works, and a second one with the old e_tag is refused as it should be.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1
cat > "$folder/program.py" <<'PY'
import obstore
from obstore.exceptions import PreconditionError
from obstore.store import MemoryStore

print("obstore", obstore.__version__)
store = MemoryStore()
first = dict(store.put("key", b"1"))
print("put returned", first)
assert first["version"] is None
try:
    store.put("key", b"2", mode=first)
except TypeError as error:
    print("put with it raised TypeError:", error)
else:
    raise SystemExit("it was taken: this has changed")
without = {"e_tag": first["e_tag"]}
print("put without the key 'version' returned", dict(store.put("key", b"2", mode=without)))
try:
    store.put("key", b"3", mode=without)
except PreconditionError as error:
    print("put with the old e_tag raised PreconditionError")
else:
    raise SystemExit("an update of another version was taken: this has changed")
PY
"$folder/venv/bin/python" "$folder/program.py"

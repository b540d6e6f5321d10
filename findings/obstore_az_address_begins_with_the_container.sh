#!/usr/bin/env bash
# obstore: the address az://ACCOUNT/CONTAINER/FOLDER means a container that is called like the account.
#
# Guess: an address of Azure begins with the storage account, as names of containers are its own.
# Seen on 2026-12-01, obstore 0.12.1, Python 3.11: what stands first is the container, and the rest is the folder; the
# account comes from AZURE_STORAGE_ACCOUNT_NAME alone. Nothing is said of it when the store is opened; a request says
# that there is no such container.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1
cat > "$folder/program.py" <<'PY'
import importlib.metadata
import os

from obstore.store import from_url

print("obstore", importlib.metadata.version("obstore"))
os.environ["AZURE_STORAGE_ACCOUNT_NAME"] = "another"
store = from_url("az://account/container/folder")
print("container:", store.config["container_name"], "- folder:", store.prefix)
assert store.config["container_name"] == "account", "it is the account by now: this has changed"
assert store.prefix == "container/folder", "the container is left out by now: this has changed"
PY
"$folder/venv/bin/python" "$folder/program.py"

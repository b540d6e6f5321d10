#!/usr/bin/env bash
# MNN's converter installs a package into whatever Python comes first on the path, and reports each conversion.
#
# Guess: mnnconvert of the wheel converts a model, and neither installs anything nor asks for a network.
# Seen on 2026-12-01, MNN 3.6.1, NumPy 2.4.6, Python 3.11, Linux: started without arguments it runs
# "pip install -U aliyun-log-python-sdk" by the shell. From an environment that is not activated that is the pip of the
# system, or of another project: there it added nine packages and put typing_extensions up. Once the package is there,
# each conversion sends what is read below to a log service: the machine's id, the name of the system, the arguments
# but the two paths, sizes, and an id that is in the converted model. There is no setting against it; `import MNN` does none of it.
#
# Here the pip that comes first on the path is a script that writes down its arguments and installs nothing, so that
# nothing is sent either.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check MNN==3.6.1 numpy==2.4.6
cd "$folder"
mkdir first
printf '#!/bin/sh\necho "$@" >> "%s"\n' "$folder/asked" > first/pip
chmod +x first/pip
export PATH="$folder/first:$PATH"
"$folder/venv/bin/python" -c "import MNN" > /dev/null 2>&1
test ! -e asked
"$folder/venv/bin/mnnconvert" < /dev/null > output 2>&1 || true
echo "pip was told: $(cat asked)"
grep -qx "install -U aliyun-log-python-sdk" asked
"$folder/venv/bin/python" - <<'PY'
import platform
from importlib.metadata import distribution, version
from pathlib import Path

print("Python", platform.python_version(), platform.system(), "MNN", version("MNN"), "NumPy", version("numpy"))
files = {file.name: Path(file.locate()) for file in distribution("MNN").files if file.parent.name in ("tools", "utils")}
reporter, converter = files["log.py"].read_text(), files["mnnconvert.py"].read_text()
READ = ["/etc/machine-id", 'basic_logs["os"]', 'basic_logs["machine_id"]', "put_logs("]
SENT = ["model_guid", "src_model_size", "dst_model_size", '"args": arg_dict', 'put_log(log_dict, "convert")']
found = [text for text in READ if text in reporter], [text for text in SENT if text in converter]
print("what is sent, by its source:", *found)
assert found == (READ, SENT), found
assert "environ" not in reporter + converter, "there is a setting now"
PY

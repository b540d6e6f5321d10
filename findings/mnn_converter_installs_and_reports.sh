#!/usr/bin/env bash
# MNN's converter installs a package into whatever Python comes first on the path, and by its source reports each conversion.
#
# Guess: mnnconvert of the wheel converts a model, and neither installs anything nor asks for a network.
# Seen on 2026-12-01, MNN 3.6.1, NumPy 2.4.6, Python 3.11, Linux: started without arguments it runs
# "pip install -U aliyun-log-python-sdk" by the shell. From an environment that is not activated that is the pip of the
# system, or of another project. `import MNN.tools` is enough for that; `import MNN` does not do it.
# By its source, where that package is there each conversion sends to a log service what is read below: the machine's id,
# the name of the system, the arguments but the two paths, sizes, and an id that is in the converted model. No environment
# variable is read for it.
#
# Here the pip that comes first on the path is a script that writes down its arguments and installs nothing, so that
# nothing is sent either. Seen by hand, outside of this script: a real pip there added nine packages and put
# typing_extensions up.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check MNN==3.6.1 numpy==2.4.6
cd "$folder"
mkdir first
printf '#!/bin/sh\necho "$@" >> "%s"\n' "$folder/asked" > first/pip
chmod +x first/pip
export PATH="$folder/first:$PATH" HOME="$folder"
"$folder/venv/bin/python" -c "import MNN" > /dev/null 2>&1
test ! -e asked || { echo "import MNN asks pip now"; exit 1; }
for command in mnnconvert "python -c 'import MNN.tools'"; do
  rm -f asked
  bash -c "$folder/venv/bin/$command" < /dev/null > output 2>&1 || true
  grep -qx "install -U aliyun-log-python-sdk" asked || { cat output; echo "$command: this has changed"; exit 1; }
  echo "$command: pip was told to $(sort -u asked)"
done
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
assert "environ" not in reporter + converter and "getenv" not in reporter + converter, "there is a setting now"
PY

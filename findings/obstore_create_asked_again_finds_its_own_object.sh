#!/usr/bin/env bash
# obstore: a put "only if there is none" whose answer is lost is asked again, finds its own object, and is refused.
#
# Guess: of two writers one wins, and the exception AlreadyExistsError means that another one did. A put with
# mode="create" is no request that can be repeated, so where its answer is lost it is not asked again, and fails.
# Seen on 2026-12-01, obstore 0.12.1, Python 3.11, against a server that stores the object and then closes the
# connection: the client asks again by itself, gets 412 for the object that it has just stored, and the put raises
# AlreadyExistsError, though nobody else wrote. With max_retries 0 it raises a GenericError, and the object is there.
# Who must know whether it won has to read the object back and compare it with its own bytes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1
cat > "$folder/program.py" <<'PY'
import platform
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, GenericError
from obstore.store import S3Store

objects, requests = {}, []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        requests.append(self.headers.get("If-None-Match"))
        is_there = self.path in objects
        objects.setdefault(self.path, body)
        if not is_there:  # it is stored, and the answer is lost
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(412)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("Python", platform.python_version(), "obstore", obstore.__version__)
for retries in (3, 0):
    store = S3Store(
        "bucket",
        endpoint=f"http://127.0.0.1:{server.server_address[1]}",
        region="us-east-1",
        access_key_id="a",
        secret_access_key="b",
        client_options={"allow_http": True},
        retry_config={"max_retries": retries},
    )
    requests.clear()
    try:
        store.put(f"key{retries}", b"mine", mode="create")
    except BaseError as error:
        raised = type(error)
    else:
        raise SystemExit(f"max_retries {retries}: nothing is raised, this has changed")
    stored = objects[f"/bucket/key{retries}"]
    print(f"max_retries {retries}: {len(requests)} requests, {requests}, stored {stored}, raised {raised.__name__}")
    assert stored == b"mine"
    assert (raised, len(requests)) == ((AlreadyExistsError, 2) if retries else (GenericError, 1)), "this has changed"
PY
"$folder/venv/bin/python" "$folder/program.py"

"""Kits that are each asked in a process of their own, which is forked after the import of an engine and confined.

A process that has said what its model takes waits a few seconds for the next request: where that asks the same kit, it
answers with what it has loaded, and where it asks another one, or none comes, it is ended. Each line out begins with
"=" where it was passed on from such a process, and with "!" where it is this process that says what became of it.
"""

import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any

MAX_LINE = 2**16 - 1  # bytes of a request or a reply that are passed on
WAITING_SECONDS = 3.0  # for the next request, in which a process with an untrusted model in it lives on
READY = b"ready\n"
OWN_WORD, PASSED_ON = b"!", b"="
PR_SET_PDEATHSIG = 1


def serve_forked(prepare, answer, policy):
    """Answer requests until the standard input ends; `prepare` is called once, before anything is forked.

    A request without a kit ends the process that waits, and says so.
    """
    replies = os.dup(1)
    os.dup2(2, 1)
    with contextlib.suppress(Exception):  # what cannot be imported is said by each reply
        prepare()
    gc.freeze()  # what was imported stays: a collection in each forked process would walk and copy all of it
    waiting = None
    while line := read_request(waiting):
        request = json.loads(line)
        if waiting and (waiting.is_ended or waiting.kit != request.get("kit")):
            waiting = waiting.end()
        if "kit" not in request:
            write_all(replies, say_fate(request, {"ended": 0}))
            continue
        asked = waiting or ForkedProcess(request["kit"], answer, policy)
        reply = asked.ask(line)
        waiting = asked if reply and request.get("asks") == "describe" else None
        if reply and not waiting:
            asked.end()  # before anybody reads what it has written
        write_all(replies, PASSED_ON + reply if reply else asked.say_why(request))


def read_request(waiting):
    """Read the next request; a process that waits for it is ended where it does not come soon."""
    if waiting and not select.select([0], [], [], WAITING_SECONDS)[0]:
        waiting.end()
    return read_line(0)


def say_fate(request, fate):
    return OWN_WORD + json.dumps({"id": request["id"]} | fate).encode() + b"\n"


class ForkedProcess:
    """One process for one kit.

    Whether it is confined it says before it loads anything, through a pipe that is closed by then: what it says
    afterwards may be the word of an untrusted file.
    """

    def __init__(self, kit, answer, policy):
        self.kit, self.is_ended = kit, False
        (confirmed, confirming), (reading, writing), (heard, said) = os.pipe(), os.pipe(), os.pipe()
        self.pid = os.fork()
        if not self.pid:
            answer_alone(answer, heard, writing, confirming, policy)
        for descriptor in (writing, confirming, heard):
            os.close(descriptor)
        self.reading, self.said = reading, said
        self.word = read_one_line(confirmed)
        os.close(confirmed)

    def ask(self, line):
        """Return its reply to a request, one line; nothing where it gave none, or more."""
        if self.word != READY:
            return b""
        with contextlib.suppress(BrokenPipeError):  # it has ended: its status says how
            write_all(self.said, line)
        return read_one_line(self.reading)

    def say_why(self, request):
        """Wait for its end; returns what became of it."""
        self._close()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        fate = {"ended": status} if self.word in (READY, b"") else {"unconfined": self.word.decode().strip()}
        return say_fate(request, fate)

    def end(self):
        """End it, with all that it has loaded, once."""
        if self.is_ended:
            return
        self.is_ended = True
        self._close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def _close(self):
        for descriptor in (self.reading, self.said):
            os.close(descriptor)


def answer_alone(answer, heard, writing, confirming, policy):
    """Answer requests of one kit and end, whatever happens; nothing that was loaded for it outlives this process."""
    try:
        die_with_parent()
        close_all_but(heard, confirming, writing)
        failure = confine(policy) if policy else ""
        write_all(confirming, failure.encode() + b"\n" if failure else READY)
        os.close(confirming)
        while not failure and (line := read_line(heard)):
            write_all(writing, json.dumps(answer(json.loads(line))).encode() + b"\n")
        os._exit(0)
    finally:
        os._exit(1)


def close_all_but(*kept):
    """Close what this process has open, but its output and errors; what it reads is empty."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    start = 3
    for descriptor in sorted(kept):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, max(os.sysconf("SC_OPEN_MAX"), MAX_LINE))


def confine(policy):
    """Confine this process, which has one thread, for the rest of its life; returns why that failed, if it did."""
    try:
        landlock, seccomp = [import_file(path) for path in policy["modules"]]
        readable, writable = ([Path(path) for path in policy[which]] for which in ("readable", "writable"))
        landlock.restrict(readable, writable, [Path(policy["fillable"])])
        seccomp.install_filter()
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def import_file(path):
    specification: Any = importlib.util.spec_from_file_location(Path(path).stem, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def read_line(descriptor):
    """Read a line byte by byte: what was read ahead would be lost in the process that reads it."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(descriptor, 1)):
        line += byte
    return line


def read_one_line(descriptor):
    """Read the line that another process writes, and has ended; of more than a line may have, nothing."""
    line = b""
    while len(line) <= MAX_LINE and not line.endswith(b"\n") and (block := os.read(descriptor, MAX_LINE)):
        line += block
    return line if len(line) <= MAX_LINE and line.count(b"\n") == 1 and line.endswith(b"\n") else b""


def write_all(descriptor, content):
    while content:
        content = content[os.write(descriptor, content) :]


def die_with_parent():
    """Ask Linux to end this process with the one that started it."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

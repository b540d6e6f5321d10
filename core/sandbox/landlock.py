"""Landlock system calls: the kernel restricts which files a process may touch (Linux 5.13 and later).

The numbers are those of `linux/landlock.h`; what an older kernel does not know is left out, and the self-test then
finds what is not blocked.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on every processor
GET_VERSION_FLAG = 1  # the flag that asks for the version of the interface
PATH_BENEATH = 1  # a rule on a folder, and on all below it

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_DIR, MAKE_REG, REFER, TRUNCATE = 1 << 7, 1 << 8, 1 << 13, 1 << 14
RIGHT_COUNTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many rights on files each version of the interface knows
NETWORK_SINCE, SCOPES_SINCE = 4, 6
NETWORK = 0b11  # bind and connect TCP
SCOPES = 0b11  # abstract Unix sockets, signals

READ = READ_FILE | READ_DIR
FILL = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE


def landlock_version() -> int:
    """The version of Landlock's interface in this kernel; 0 where there is none."""
    return max(_syscall(CREATE_RULESET, None, ctypes.c_size_t(0), GET_VERSION_FLAG), 0)


def restrict(
    readable: Iterable[Path], writable: Iterable[Path], fillable: Iterable[Path], executable: Iterable[Path] = ()
) -> None:
    """Allow this thread and what it will start only these paths of the file system, and no network.

    Args:
        readable: files, and folders with all below them; those that do not exist are left out.
        writable: files that may also be written as they are.
        fillable: folders in which files may be made and deleted.
        executable: programs that may be started, as far as calls of the kernel that start any are allowed.

    Raises OSError where the kernel refuses.
    """
    version = landlock_version()
    rights = (1 << RIGHT_COUNTS.get(version, 16)) - 1
    network = NETWORK if version >= NETWORK_SINCE else 0
    scopes = SCOPES if version >= SCOPES_SINCE else 0
    # A kernel takes a longer description than it knows, as long as what it does not know is nought.
    attributes = struct.pack("=QQQ", rights, network, scopes)
    rules = _check_result(_syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    try:
        allowances = (
            (readable, READ),
            (writable, READ_FILE | WRITE_FILE),
            (fillable, FILL),
            (executable, READ | EXECUTE),
        )
        for paths, allowed in allowances:
            for path in paths:
                _add_rule(rules, path, allowed & rights)
        _check_result(_syscall(RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)


def _add_rule(rules: int, path: Path, rights: int) -> None:
    with suppress(FileNotFoundError, PermissionError, NotADirectoryError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = rights if path.is_dir() else rights & FILE_RIGHTS
            _check_result(_syscall(ADD_RULE, rules, PATH_BENEATH, struct.pack("=Qi", allowed, descriptor), 0))
        finally:
            os.close(descriptor)


def _syscall(number: int, *arguments: object) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    return library.syscall(ctypes.c_long(number), *arguments)


def _check_result(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result

"""A seccomp filter: a small program that the kernel runs before each of a process's calls, and that refuses some.

What is refused fails as for somebody without the right to do it (EPERM), so that a library says so or goes another way;
a foreign processor's calls end the process.
"""

import ctypes
import errno
import os
import struct

from core.worker.confinement import numbers

LOAD, EQUAL, AT_LEAST, ANY_OF, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of classic BPF, on a constant
NUMBER, PROCESSOR = 0, 4  # where the kernel puts them
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000

CLONE_THREAD = 0x00010000
CLONE_NEW = 0x7E020000  # every flag that begins a namespace
TERMINAL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # is it one, how large, what waits; blocking, close-on-exec
DEATH_SIGNAL, DUMPABLE, MEMORY_MAP, TRACER = 1, 4, 35, 0x59616D61  # what prctl could undo
SET_FILTER, NO_NEW_PRIVILEGES = 22, 38

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def install() -> None:
    """Refuse, from here on, what a confined child may not ask of the kernel. Raises OSError where none is taken."""
    machine = numbers.machine()
    if machine is None:
        raise OSError(errno.ENOSYS, "no filter for this processor")
    program = b"".join(struct.pack("=HBBI", *one) for one in _program(machine, os.getpid()))
    held = ctypes.create_string_buffer(program)
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(held))
    _set(SET_FILTER, 2, described)


def renounce() -> None:
    """No program that this process might start can give it rights back. Landlock and filters ask for that first."""
    _set(NO_NEW_PRIVILEGES, 1, None)


def _set(option: int, value: int, more: bytes | None) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, ctypes.c_ulong(value), more, ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter")


def _program(machine: numbers.Machine, pid: int) -> list[Instruction]:
    def number(pair: tuple[int | None, int | None]) -> int | None:
        return pair[machine.column]

    found = [(LOAD, 0, 0, PROCESSOR), (EQUAL, 1, 0, machine.audit), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    # Above lie calls that we do not know, and on x86-64 a second set of numbers for the same calls.
    found += [(AT_LEAST, 0, 1, numbers.LAST_KNOWN + 1), _refuse(errno.ENOSYS)]
    found += _when(number(numbers.CLONE3), [_refuse(errno.ENOSYS)])  # its flags lie where no filter can look
    for one in filter(None.__ne__, map(number, numbers.FORBIDDEN.values())):
        found += _when(one, [_refuse()])
    threads_only = [(ANY_OF, 0, 2, CLONE_THREAD), (ANY_OF, 1, 0, CLONE_NEW), (RETURN, 0, 0, ALLOW), _refuse()]
    found += _when(number(numbers.CLONE), [_argument(0), *threads_only])
    for one in (numbers.KILL, numbers.TGKILL):
        found += _when(number(one), [_argument(0), *_only(pid)])
    found += _when(number(numbers.IOCTL), [_argument(1), *_only(*TERMINAL)])
    found += _when(number(numbers.PRCTL), [_argument(0), *_never(DEATH_SIGNAL, DUMPABLE, MEMORY_MAP, TRACER)])
    found += _when(number(numbers.PRLIMIT), _looking_only(pid))
    return [*found, (RETURN, 0, 0, ALLOW)]


def _refuse(error: int = errno.EPERM) -> Instruction:
    return RETURN, 0, 0, REFUSE | error


def _argument(index: int, high: int = 0) -> Instruction:
    """Load the lower (or the upper) half of an argument; both processors keep the lower half first."""
    return LOAD, 0, 0, 16 + 8 * index + 4 * high


def _when(number: int | None, do: list[Instruction]) -> list[Instruction]:
    """Instructions for one call alone. Each way through `do` ends in a return."""
    return [] if number is None else [(EQUAL, 0, len(do), number), *do]


def _only(*values: int) -> list[Instruction]:
    """Allow the values, and refuse every other."""
    tests = [(EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [*tests, _refuse(), (RETURN, 0, 0, ALLOW)]


def _never(*values: int) -> list[Instruction]:
    """Refuse the values, and allow every other."""
    tests = [(EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [*tests, (RETURN, 0, 0, ALLOW), _refuse()]


def _looking_only(pid: int) -> list[Instruction]:
    """Limits of this process may be read, and none may be set."""
    whose = [_argument(0), (EQUAL, 1, 0, 0), (EQUAL, 0, 5, pid)]
    what = [_argument(2), (EQUAL, 0, 3, 0), _argument(2, high=1), (EQUAL, 0, 1, 0)]
    return [*whose, *what, (RETURN, 0, 0, ALLOW), _refuse()]

"""seccomp filter and its table of system calls.

The numbers of the kernel's calls that a confined child may not make, on x86-64 and on ARM64 (None: not there).

A seccomp filter: a small program that the kernel runs before each of a process's calls, and that refuses some.

What is refused fails as for somebody without the right to do it (EPERM), so that a library says so or goes another way;
a foreign processor's calls end the process.
"""

import ctypes
import errno
import os
import platform
import struct
from typing import NamedTuple


class Machine(NamedTuple):
    """`audit` names the processor for a filter; `column` is its column in the tables here."""

    audit: int
    column: int


MACHINES = {"x86_64": Machine(0xC000003E, 0), "aarch64": Machine(0xC00000B7, 1)}
LAST_KNOWN = 462  # mseal; what came later is answered as by a kernel that does not have it

Numbers = dict[str, tuple[int | None, int | None]]

# Asked for with an argument that decides.
CLONE, CLONE3, KILL, TGKILL = (56, 220), (435, 435), (62, 129), (234, 131)
PRLIMIT, IOCTL, PRCTL = (302, 261), (16, 29), (157, 167)

FORBIDDEN: Numbers = {
    # another program, another process, another namespace
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "unshare": (272, 97),
    "setns": (308, 268),
    # the network, and every other socket
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "recvmsg": (47, 212),
    "recvmmsg": (299, 243),
    "setsockopt": (54, 208),
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "setsid": (112, 157),
    "setpgid": (109, 154),
    "setpriority": (141, 140),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # mounts
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    # the kernel and the machine
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "syslog": (103, 116),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "personality": (135, 92),
    "vhangup": (153, 58),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "uselib": (134, None),
    "_sysctl": (156, None),
    "io_setup": (206, 0),
    "io_submit": (209, 2),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "vmsplice": (278, 75),
    # another identity, other limits
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setfsuid": (122, 151),
    "setfsgid": (123, 152),
    "setgroups": (116, 159),
    "capset": (126, 91),
    "setrlimit": (160, 164),
    # what Landlock leaves open: modes, owners, times, attributes, links and special files
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    # memory that no limit counts, and memory shared with others
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182),
    "mq_timedreceive": (243, 183),
    "mq_notify": (244, 184),
    "mq_getsetattr": (245, 185),
}


def machine() -> Machine | None:
    """The processor that this runs on; None where no filter was written for it."""
    return MACHINES.get(platform.machine())


LOAD, EQUAL, AT_LEAST, ANY_OF, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of classic BPF, on a constant
NUMBER, PROCESSOR = 0, 4  # where the kernel puts them
ALLOW, KILL_PROCESS, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000

CLONE_THREAD = 0x00010000
CLONE_NEW = 0x7E020000  # every flag that begins a namespace
TERMINAL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # is it one, how large, what waits; blocking, close-on-exec
DEATH_SIGNAL, DUMPABLE, MEMORY_MAP, TRACER = 1, 4, 35, 0x59616D61  # what prctl could undo
SET_FILTER, NO_NEW_PRIVILEGES = 22, 38

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def install() -> None:
    """Refuse, from here on, what a confined child may not ask of the kernel. Raises OSError where none is taken."""
    processor = machine()
    if processor is None:
        raise OSError(errno.ENOSYS, "no filter for this processor")
    program = b"".join(struct.pack("=HBBI", *one) for one in _program(processor, os.getpid()))
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


def _program(machine: Machine, pid: int) -> list[Instruction]:
    def number(pair: tuple[int | None, int | None]) -> int | None:
        return pair[machine.column]

    found = [(LOAD, 0, 0, PROCESSOR), (EQUAL, 1, 0, machine.audit), (RETURN, 0, 0, KILL_PROCESS), (LOAD, 0, 0, NUMBER)]
    # Above lie calls that we do not know, and on x86-64 a second set of numbers for the same calls.
    found += [(AT_LEAST, 0, 1, LAST_KNOWN + 1), _refuse(errno.ENOSYS)]
    found += _when(number(CLONE3), [_refuse(errno.ENOSYS)])  # its flags lie where no filter can look
    for one in filter(None.__ne__, map(number, FORBIDDEN.values())):
        found += _when(one, [_refuse()])
    threads_only = [(ANY_OF, 0, 2, CLONE_THREAD), (ANY_OF, 1, 0, CLONE_NEW), (RETURN, 0, 0, ALLOW), _refuse()]
    found += _when(number(CLONE), [_argument(0), *threads_only])
    for one in (KILL, TGKILL):
        found += _when(number(one), [_argument(0), *_only(pid)])
    found += _when(number(IOCTL), [_argument(1), *_only(*TERMINAL)])
    found += _when(number(PRCTL), [_argument(0), *_never(DEATH_SIGNAL, DUMPABLE, MEMORY_MAP, TRACER)])
    found += _when(number(PRLIMIT), _looking_only(pid))
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

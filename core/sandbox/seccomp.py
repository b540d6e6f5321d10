"""The seccomp filter, and its table of system calls.

A seccomp filter is a small program that the kernel runs before each of a process's calls, and that refuses some. What
is refused fails as for somebody without the right to do it (EPERM), so that a library reports it or goes another way;
a foreign processor's calls end the process.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Sequence
from typing import NamedTuple


class CpuArchitecture(NamedTuple):
    """`audit` names the processor for a filter; `column` is its column in the tables here."""

    audit: int
    column: int


ARCHITECTURES = {"x86_64": CpuArchitecture(0xC000003E, 0), "aarch64": CpuArchitecture(0xC00000B7, 1)}
LAST_KNOWN_SYSCALL = 462  # mseal; what came later is answered as by a kernel that does not have it

# Numbers of one system call on x86-64 and on ARM64; None where a processor does not have it.
SyscallNumber = tuple[int | None, int | None]

# Allowed or not by an argument.
SYS_CLONE, SYS_CLONE3, SYS_KILL, SYS_TGKILL = (56, 220), (435, 435), (62, 129), (234, 131)
SYS_PRLIMIT, SYS_IOCTL, SYS_PRCTL = (302, 261), (16, 29), (157, 167)

# fmt: off
FORBIDDEN_SYSCALLS: dict[str, SyscallNumber] = {
    # another program, another process, another namespace
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None), "unshare": (272, 97),
    "setns": (308, 268),
    # the network, and every other socket
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "recvmsg": (47, 212), "recvmmsg": (299, 243), "setsockopt": (54, 208),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "setsid": (112, 157), "setpgid": (109, 154), "setpriority": (141, 140),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274), "ioprio_set": (251, 30), "migrate_pages": (256, 238), "move_pages": (279, 239),
    # mounts
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "swapon": (167, 224),
    "swapoff": (168, 225), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    # the kernel and the machine
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "syslog": (103, 116), "acct": (163, 89), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162),
    "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None), "personality": (135, 92),
    "vhangup": (153, 58), "lookup_dcookie": (212, 18), "nfsservctl": (180, 42), "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263), "inotify_init": (253, None), "inotify_init1": (294, 26),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "uselib": (134, None), "_sysctl": (156, None),
    "io_setup": (206, 0), "io_submit": (209, 2), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "vmsplice": (278, 75),
    # another identity, other limits
    "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143),
    "setresuid": (117, 147), "setresgid": (119, 149), "setfsuid": (122, 151), "setfsgid": (123, 152),
    "setgroups": (116, 159), "capset": (126, 91), "setrlimit": (160, 164),
    # what Landlock leaves open: modes, owners, times, attributes, links and special files
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "mknod": (133, None), "mknodat": (259, 33), "link": (86, None), "linkat": (265, 37), "symlink": (88, None),
    "symlinkat": (266, 36),
    # memory that no limit counts, and memory shared with others
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
    "shmctl": (31, 195), "shmdt": (67, 197), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
    "msgctl": (71, 187), "semget": (64, 190), "semop": (65, 193), "semtimedop": (220, 192), "semctl": (66, 191),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183),
    "mq_notify": (244, 184), "mq_getsetattr": (245, 185),
}
# fmt: on


def current_architecture() -> CpuArchitecture | None:
    """The processor that this runs on; None where no filter was written for it."""
    return ARCHITECTURES.get(platform.machine())


# Instructions of classic BPF, on a constant.
BPF_LOAD, BPF_JUMP_EQUAL, BPF_JUMP_GREATER_EQUAL, BPF_JUMP_ANY_BIT, BPF_RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
OFFSET_NUMBER, OFFSET_ARCHITECTURE = 0, 4  # where the kernel puts them
SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

CLONE_THREAD = 0x00010000
CLONE_NAMESPACE_FLAGS = 0x7E020000  # every flag that begins a namespace
# Is it a terminal, how large, what waits; blocking, close-on-exec.
ALLOWED_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
FORBIDDEN_PRCTLS = (1, 4, 35, 0x59616D61)  # PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_MM, PR_SET_PTRACER
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2

BpfInstruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant
ALLOW: BpfInstruction = (BPF_RETURN, 0, 0, SECCOMP_RET_ALLOW)
REFUSE: BpfInstruction = (BPF_RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EPERM)
UNKNOWN: BpfInstruction = (BPF_RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.ENOSYS)


def install_filter(may_become_program: bool = False, may_start_programs: bool = False) -> None:
    """Refuse, from here on, what a sandboxed child may not call. Raises OSError where the kernel takes no filter.

    Args:
        may_become_program: Whether it may become another program; which ones is for Landlock to say.
        may_start_programs: Whether it may also start such programs beside itself.
    """
    architecture = current_architecture()
    if architecture is None:
        raise OSError(errno.ENOSYS, "no filter for this processor")
    instructions = _build_filter(architecture, os.getpid(), may_become_program, may_start_programs)
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
    buffer = ctypes.create_string_buffer(program)
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer)))


def set_no_new_privileges() -> None:
    """No program that this process might start can give it rights back. Landlock and filters require that."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1, None)


def _prctl(option: int, value: int, argument: bytes | None) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, ctypes.c_ulong(value), argument, ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter")


def _build_filter(
    architecture: CpuArchitecture, pid: int, may_become_program: bool = False, may_start_programs: bool = False
) -> list[BpfInstruction]:
    no_namespaces: BpfInstruction = (BPF_JUMP_ANY_BIT, 1, 0, CLONE_NAMESPACE_FLAGS)
    threads_only = [(BPF_JUMP_ANY_BIT, 0, 2, CLONE_THREAD), no_namespaces]
    allowed = {"execve"} if may_become_program else set()
    allowed |= {"execve", "fork", "vfork"} if may_start_programs else set()
    rules: list[tuple[SyscallNumber, list[BpfInstruction]]] = [
        (SYS_CLONE3, [UNKNOWN]),  # its flags lie where no filter can look
        *((number, [REFUSE]) for name, number in FORBIDDEN_SYSCALLS.items() if name not in allowed),
        (SYS_CLONE, [_load_argument(0), *([no_namespaces] if may_start_programs else threads_only), ALLOW, REFUSE]),
        (SYS_KILL, [_load_argument(0), *_jump_past_next([pid], REFUSE), ALLOW]),
        (SYS_TGKILL, [_load_argument(0), *_jump_past_next([pid], REFUSE), ALLOW]),
        (SYS_IOCTL, [_load_argument(1), *_jump_past_next(ALLOWED_IOCTLS, REFUSE), ALLOW]),
        (SYS_PRCTL, [_load_argument(0), *_jump_past_next(FORBIDDEN_PRCTLS, ALLOW), REFUSE]),
        (SYS_PRLIMIT, _allow_reading_limits(pid)),
    ]
    program: list[BpfInstruction] = [
        (BPF_LOAD, 0, 0, OFFSET_ARCHITECTURE),
        (BPF_JUMP_EQUAL, 1, 0, architecture.audit),
        (BPF_RETURN, 0, 0, SECCOMP_RET_KILL_PROCESS),
        (BPF_LOAD, 0, 0, OFFSET_NUMBER),
        # Above lie calls that we do not know, and on x86-64 a second set of numbers for the same calls.
        (BPF_JUMP_GREATER_EQUAL, 0, 1, LAST_KNOWN_SYSCALL + 1),
        UNKNOWN,
    ]
    for numbers, instructions in rules:  # each way through the instructions ends in a return
        if (number := numbers[architecture.column]) is not None:
            program += [(BPF_JUMP_EQUAL, 0, len(instructions), number), *instructions]
    return [*program, ALLOW]


def _load_argument(index: int, high: int = 0) -> BpfInstruction:
    """Load the lower (or the upper) half of an argument; both processors keep the lower half first."""
    return BPF_LOAD, 0, 0, 16 + 8 * index + 4 * high


def _jump_past_next(values: Sequence[int], instruction: BpfInstruction) -> list[BpfInstruction]:
    """Tests that jump past an instruction for each of the values, and then that instruction."""
    tests = [(BPF_JUMP_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return [*tests, instruction]


def _allow_reading_limits(pid: int) -> list[BpfInstruction]:
    """Limits of this process may be read, and none may be set."""
    is_own = [_load_argument(0), (BPF_JUMP_EQUAL, 1, 0, 0), (BPF_JUMP_EQUAL, 0, 5, pid)]
    is_read = [_load_argument(2), (BPF_JUMP_EQUAL, 0, 3, 0), _load_argument(2, high=1), (BPF_JUMP_EQUAL, 0, 1, 0)]
    return [*is_own, *is_read, ALLOW, REFUSE]

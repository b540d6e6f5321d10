"""What a child that opens a stranger's file may do: compute, read Python and what it was lent, fill one folder.

Three layers of Linux, each for the whole process and for every thread that it will have: Landlock says which files may
be touched, a seccomp filter which calls of the kernel may be made, and limits how much may be used. All are put on by
the child itself while it has one thread and has seen nothing of the file; none can be taken off again.
"""

from core.sandbox.policy import confine, is_sandboxed, mark_sandboxed

__all__ = ["confine", "is_sandboxed", "mark_sandboxed"]

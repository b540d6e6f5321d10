"""The sandbox of a child that opens untrusted files: it computes, reads Python and what it was lent, fills one folder.

Three layers of Linux, each for the whole process and for every thread that it will have: Landlock says which files may
be touched, a seccomp filter which calls of the kernel may be made, and limits how much may be used. All are put on by
the child itself while it has one thread and has read nothing untrusted; none can be taken off again.
"""

from core.sandbox.policy import confine, handles_untrusted, mark_untrusted

__all__ = ["confine", "handles_untrusted", "mark_untrusted"]

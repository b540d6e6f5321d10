"""A folder that the command line was given: the same view as of a zip, with links and devices refused."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from core.gate import limits
from core.gate.names import is_plain
from core.gate.rules import refused


class Folder:
    """The files under a folder by their name in it, such as "variables/variables.index". Raises Refused."""

    def __init__(self, root: Path, most: int):
        self._root = root
        self.sizes = dict(self._walk(root, ""))
        if sum(self.sizes.values()) > most:
            raise refused("unpacked-size", f"{sum(self.sizes.values()):,} bytes")

    def _walk(self, folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
        count = 0
        waiting = [(folder, prefix)]
        while waiting:
            where, before = waiting.pop()
            for entry in sorted(os.scandir(where), key=lambda one: one.name):
                count += 1
                if count > limits.MEMBERS:
                    raise refused("zip-many", f"more than {limits.MEMBERS:,}")
                name = f"{before}{entry.name}"
                mode = entry.stat(follow_symlinks=False).st_mode
                if not is_plain(entry.name):
                    raise refused("zip-name", name)
                if stat.S_ISDIR(mode):
                    waiting.append((where / entry.name, f"{name}/"))
                elif stat.S_ISREG(mode):
                    yield name, entry.stat(follow_symlinks=False).st_size
                else:
                    raise refused("not-a-file", name)

    def read(self, name: str, most: int) -> bytes:
        """The content of a file of at most `most` bytes. Raises Refused for more."""
        if self.sizes[name] > most:
            raise refused("json-size", name)
        return (self._root / name).read_bytes()

    def copy(self, name: str, path: Path) -> None:
        """Copy a file to a path of ours. Raises Refused where it changed since it was listed."""
        shutil.copyfile(self._root / name, path, follow_symlinks=False)
        if path.is_symlink() or path.stat().st_size != self.sizes[name]:
            raise refused("changed", name)

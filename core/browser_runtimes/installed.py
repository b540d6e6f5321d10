"""The runtimes on this machine's disk: their lock, whether they are here, and each file, checked against the lock."""

from functools import lru_cache
from pathlib import Path

from core.errors import Damaged, PackageMissing, UnknownName
from core.npm import Lock, has_integrity, read_lock
from core.settings import get_settings

LOCK = read_lock(Path(__file__).with_name("lock.json"))


CURE = "Run `make browser-runtimes` once, with a connection to your package registry; everything else works without."


def runtimes_folder(lock: Lock = LOCK) -> Path:
    """Return where the files of a lock lie, or will."""
    return get_settings().browser_runtimes / lock.fingerprint


def require_runtimes(lock: Lock = LOCK) -> None:
    """Raise PackageMissing where the runtimes of a lock were not fetched."""
    if not runtimes_folder(lock).is_dir():
        names = " and ".join(package.spec for package in lock.packages if len(package.files) > 1)
        raise PackageMissing(f"The runtimes that answer in a browser are not here yet: {names}.", cure=CURE)


def installed_bytes(prefix: str, lock: Lock = LOCK) -> int:
    """Return the bytes of all files whose names begin with a prefix; 0 where they are not here."""
    paths = (runtimes_folder(lock) / name for name in lock.files if name.startswith(prefix))
    return sum(path.stat().st_size for path in paths if path.is_file())


def find_file(name: str, lock: Lock = LOCK) -> Path:
    """Return a file of the lock, whose bytes were checked since it was last written.

    Raises UnknownName for what the lock does not list, PackageMissing and Damaged.
    """
    if name not in lock.files:
        raise UnknownName("No runtime has such a file.", received=name)
    require_runtimes(lock)
    path = runtimes_folder(lock) / name
    try:
        stat = path.stat()
        is_whole = _is_whole(path, stat.st_size, stat.st_mtime_ns, lock.files[name])
    except OSError:
        is_whole = False
    if not is_whole:
        cure = f"Delete the folder {lock.fingerprint} of the runtimes, then run `make browser-runtimes`."
        raise Damaged("A file of the browser's runtimes is missing or was changed.", received=name, cure=cure)
    return path


@lru_cache(maxsize=64)
def _is_whole(path: Path, size: int, changed: int, integrity: str) -> bool:
    return has_integrity(path.read_bytes(), integrity)

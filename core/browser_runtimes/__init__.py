"""The runtimes that answer in a visitor's browser: which files they are, how they are fetched, what they can run.

They are fetched once (`make browser-runtimes`, or by `make run`), checked against `lock.json`, and served by our own
server. Without them everything else works.
"""

from core.browser_runtimes.exchange import (
    BrowserReport,
    EncodedArray,
    decode_outputs,
    encode_array,
    first_rows,
    parse_report,
)
from core.browser_runtimes.fetch import fetch_runtimes
from core.browser_runtimes.installed import LOCK, find_file, installed_bytes, require_runtimes, runtimes_folder
from core.browser_runtimes.support import BrowserCopy, Engine, describe_copy
from core.npm import Lock, LockedPackage

__all__ = [
    "LOCK",
    "BrowserCopy",
    "BrowserReport",
    "EncodedArray",
    "Engine",
    "Lock",
    "LockedPackage",
    "decode_outputs",
    "describe_copy",
    "encode_array",
    "fetch_runtimes",
    "find_file",
    "first_rows",
    "installed_bytes",
    "parse_report",
    "require_runtimes",
    "runtimes_folder",
]

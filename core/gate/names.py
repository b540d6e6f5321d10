"""What a stranger calls a file or a layer: text to be shown, and never a path."""

import unicodedata

SHOWN = 120  # characters
NOT_SHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # control, format (bidi marks among them), halves, private
UNNAMED = "unnamed"


def display(text: str) -> str:
    """The text as it may be shown: no control or bidirectional marks, one line, at most 120 characters."""
    kept = "".join(" " if one in "\t\r\n" else one for one in text[: SHOWN * 8] if one in "\t\r\n" or _is_shown(one))
    return " ".join(kept.split())[:SHOWN]


def _is_shown(character: str) -> bool:
    return unicodedata.category(character) not in NOT_SHOWN


def file_name(name: str) -> str:
    """The last part of a name that came with an upload, cleaned for display; "unnamed" where nothing is left."""
    return display(name.replace("\\", "/").rstrip("/").rpartition("/")[2]) or UNNAMED


def is_plain(part: str) -> bool:
    """Whether a single name can stand in a folder of ours: no separator, no mark, no way up, not too long."""
    return (
        0 < len(part.encode("utf-8", "replace")) <= 255
        and part not in (".", "..")
        and not any(one in "/\\:" or not _is_shown(one) for one in part)
        and part == part.strip(" ")
    )


def leads_out(name: str) -> bool:
    """Whether a name with slashes would lead out of the folder that it is put into."""
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or (len(parts) > 1 and not parts[0]) or any(not _is_shown(one) for one in name)

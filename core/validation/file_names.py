"""Names in files from outside: which are plain, which would leave their folder, and how they can be shown."""

from core.validation.rules import display_text, is_displayable


def display_file_name(name: str) -> str:
    """Return the last part of an upload's name for display; "unnamed" where nothing is left."""
    return display_text(name.replace("\\", "/").rstrip("/").rpartition("/")[2]) or "unnamed"


def is_plain_name(name: str) -> bool:
    """Whether one name can stand in a folder of ours: no separator, no mark, no way up, not too long."""
    return (
        0 < len(name.encode("utf-8", "replace")) <= 255
        and name not in (".", "..")
        and not any(mark in "/\\:" or not is_displayable(mark) for mark in name)
        and name == name.strip(" ")
    )


def leaves_folder(name: str) -> bool:
    """Whether a name with slashes would lead out of the folder that it is put into."""
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or (len(parts) > 1 and not parts[0]) or not all(map(is_displayable, name))

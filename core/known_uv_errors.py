"""Known messages of uv, which builds environments: what each means, and its cure."""

from core.errors import KnownError

INDEX_CURE = "Connect to the network, or name an index that can be reached (UV_DEFAULT_INDEX), then build it again."

UV_ERRORS = (
    KnownError(
        r"No space left on device",
        "The disk is full.",
        "Free some space, then build it again; nothing half built is left.",
    ),
    KnownError(
        r"Hash mismatch for `([^`]+)`",
        "The package {0} that the index gave is not the one whose hash the lock holds.",
        "Ask the index of Python itself, or whoever runs yours; nothing of that package was installed.",
    ),
    KnownError(
        r"dns error|Connection refused|client error \(Connect\)|error sending request|timed? out|"
        r"Network connectivity is disabled",
        "The package index did not answer.",
        INDEX_CURE,
    ),
    KnownError(
        r"HTTP status (?:client|server) error \((\d+[^)]*)\)|(40[13] [A-Za-z]+)",
        "The package index refused the request ({0}{1}).",
        "Name an index that you may read (UV_DEFAULT_INDEX), then build it again.",
    ),
    KnownError(
        r"Because there is no version of (\S+?)(?:\{[^}]*\})?==(\S+) and",
        "The package index does not have {0} {1}.",
        "Name an index that has it (UV_DEFAULT_INDEX), then build it again.",
    ),
    KnownError(
        r"Because (\S+?)(?:\{[^}]*\})? was not found in the package registry",
        "The package index does not have {0}.",
        "Name an index that has it (UV_DEFAULT_INDEX), then build it again.",
    ),
    KnownError(
        r"Because (\S+?)(?:\{[^}]*\})? has (?:no usable wheels|no wheels with a matching)",
        "There is no package of {0} for this system and this Python.",
        "Use another environment, or another release of Python.",
    ),
    KnownError(
        r"No interpreter found|Failed to inspect Python interpreter|No Python installation",
        "The release of Python that this environment needs is not installed, and none is downloaded.",
        "Install that release of Python, then build it again.",
    ),
    KnownError(
        r"Couldn't parse requirement",
        "The lock of this environment cannot be read.",
        "Restore its file in core/environments/locks.",
    ),
    KnownError(
        r"Failed to read `--find-links` directory",
        "A folder of packages that the settings of uv or pip name is not there.",
        "Correct UV_FIND_LINKS, or find-links in the settings of pip.",
    ),
)

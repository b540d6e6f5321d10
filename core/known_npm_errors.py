"""Known messages of npm, which fetches packages for environments: what each means, and its cure."""

from core.errors import KnownError

NPM_ERRORS = (
    KnownError(
        r"code (?:ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ERR_SOCKET_TIMEOUT|ENOTCACHED)",
        "The registry of npm packages did not answer.",
        "Connect to the network, or name a registry that can be reached (npm_config_registry), then build it again.",
    ),
    KnownError(
        r"code (?:E404|ETARGET)[\s\S]*?'?((?:@[\w-]+/)?[\w-]+@\d[\w.\-]*)",
        "The registry of npm packages does not have {0}.",
        "Name a registry that has it (npm_config_registry), then build it again.",
    ),
    KnownError(
        r"code E(40[13])",
        "The registry of npm packages refused the request ({0}).",
        "Name a registry that you may read (npm_config_registry), then build it again.",
    ),
    KnownError(
        r"code ENOSPC|No space left on device",
        "The disk is full.",
        "Free some space, then build it again; nothing half built is left.",
    ),
)

"""Known messages of the services and tools beside us: databases, object stores, uv and npm; each with its cure."""

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


DATABASE_ERRORS = (
    KnownError(
        r"password authentication failed|role \"[^\"]*\" (?:does not exist|is not permitted to log in)|"
        r"no pg_hba\.conf entry|Access denied for user",
        "The database does not let this user in.",
        "Correct the user or the password in ROUNDTRIP_DATABASE_URL, or ask whoever keeps the database.",
    ),
    KnownError(
        r"database \"[^\"]*\" does not exist|Unknown database",
        "There is no such database.",
        "Create it (createdb), or correct its name in ROUNDTRIP_DATABASE_URL.",
    ),
    KnownError(
        r"permission denied|must be owner",
        "The database may not be written by this user.",
        "Have the right to create tables in it given to the user that ROUNDTRIP_DATABASE_URL names.",
    ),
    KnownError(
        r"too many (?:clients|connections)|remaining connection slots",
        "The database has no free connection.",
        "Try again in a moment, or have more connections allowed there.",
    ),
    KnownError(
        r"read-only transaction|hot standby",
        "The database takes no changes: it is a copy of another.",
        "Name the server that takes changes in ROUNDTRIP_DATABASE_URL.",
    ),
    KnownError(
        r"onnection refused|could not translate host|failed to resolve|No such file or directory|timeout expired|"
        r"timed? ?out|terminating connection|server closed the connection|onnection is closed|(?:shutting|starting) |"
        r"not currently accepting",
        "The database does not answer.",
        "See that it runs and that ROUNDTRIP_DATABASE_URL is right, then try again; the library itself is intact.",
    ),
    KnownError(
        r"No space left on device|could not extend file",
        "The disk of the database is full.",
        "Free some space there, then try again; the library itself is intact.",
    ),
)


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


NO_ADDRESS = "This is no address of a store."
NO_ACCOUNT = "The store does not know in which storage account this container is."
CREDENTIALS_CURE = (
    "Set the provider's own variables (AWS_ACCESS_KEY_ID, AZURE_STORAGE_ACCOUNT_KEY, GOOGLE_SERVICE_ACCOUNT, …), then "
    "try again."
)

STORE_ERRORS = (
    KnownError(
        r"NoSuchBucket|ContainerNotFound|The specified bucket does not exist",
        "There is no such bucket.",
        "Make the bucket, or correct the store's address.",
    ),
    KnownError(
        r"ExpiredToken|TokenRefreshRequired|not valid in the specified time frame",
        "The credentials for the store have expired.",
        "Renew them, then start this again: it goes on where it stopped.",
    ),
    KnownError(
        r"RequestTimeTooSkewed|RequestExpired",
        "The clock of this machine is not that of the store, which refuses what it asks.",
        "Set this machine's clock, then start this again: it goes on where it stopped.",
    ),
    KnownError(
        r"Account must be specified",
        NO_ACCOUNT,
        "Set AZURE_STORAGE_ACCOUNT_NAME to its name, and AZURE_STORAGE_ACCOUNT_KEY to its key, then try again.",
    ),
    KnownError(
        r"Unauthenticated|failed to authenticate|InvalidAccessKeyId|SignatureDoesNotMatch|\b401\b|api/token|"
        r"metadata\.google|identity/oauth2/token|could not find credentials",
        "The store does not know these credentials, or none are set.",
        CREDENTIALS_CURE,
    ),
    KnownError(
        r"PermissionDenied|AccessDenied|\b403\b",
        "The store refuses this to these credentials.",
        "Ask whoever keeps the store for the right to read, list and write below this address.",
    ),
    KnownError(
        r"SlowDown|\b503\b|\b429\b",
        "The store asked for fewer requests at a time.",
        "Start this again a little later: it goes on where it stopped.",
    ),
    KnownError(
        r"error sending request|dns error|onnection refused|timed? ?out|operation timed",
        "The store did not answer.",
        "See that its address is right and can be reached, then start this again: it goes on where it stopped.",
    ),
    KnownError(
        r"nable to recogni[sz]e URL|UnknownScheme|nable to parse|relative URL",
        NO_ADDRESS,
        "Give s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://CONTAINER/FOLDER or file:///FOLDER.",
    ),
)

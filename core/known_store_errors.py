"""Known messages of object stores: what each means, and its cure."""

from core.errors import KnownError

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

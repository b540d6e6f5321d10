"""Known messages of database servers, when they are asked for the catalog: what each means, and its cure."""

from core.errors import KnownError

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

"""A library brought into an object store and back: resumable, verified, and losing nothing that is not derived.

Brought along are runs and artifacts, the trash, input sets and finished jobs with all that lies in their folders, and
aliases with their history. A team lists the jobs in its database alone, and none that were brought into its store. The
catalog and the caches are derived from these; staging holds what is not stored yet.
"""

from core.migration.migrate import MigratedEntry, Migration, migrate_from_store, migrate_to_store

__all__ = ["MigratedEntry", "Migration", "migrate_from_store", "migrate_to_store"]

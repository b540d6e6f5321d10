"""A store that a team shares: a folder or a bucket (S3, Google, Azure), behind one interface of obstore.

What lies in it, by key:

    roundtrip.json                          that this is a store of ours, and the schema of what lies below
    contents/<2 digits>/<SHA-256>           the bytes of files, equal files once
    entries/<id>.json                       one manifest for a run, an artifact, an input set or a finished job
    documents/<id>/<file name>/<number>     each version of what people change: annotations, refusals, the trash
    aliases/<alias>/<number>                each artifact that an alias pointed to, when, and set by whom
    given/<job>/<2 digits>/<SHA-256>        the bytes of files that a job is given, until it has ended
    unused/<number>.json                    which contents no manifest listed, see `core.object_store.collection`
    uploads/<id>/…                          files on their way from a browser, see `core.uploads`; deleted in time

An object is written once; only contents that were read back and have another hash are put anew, and the mark of the
store when contents are first collected there. A manifest is put after the contents that it lists, on the condition that
there was none: an entry is whole or absent, and of two writers one wins. What changes gets a further number under the
same condition, so no store needs more than "put if absent", and none forgets what was before.
"""

from core.object_store.contents import Contents, StoredPart
from core.object_store.documents import Documents, Version
from core.object_store.manifests import Manifest, Manifests
from core.object_store.object_store import ObjectStore, open_object_store
from core.object_store.put_in_time import Putting
from core.object_store.remote_file import RemoteFile

__all__ = [
    "Contents",
    "Documents",
    "Manifest",
    "Manifests",
    "ObjectStore",
    "Putting",
    "RemoteFile",
    "StoredPart",
    "Version",
    "open_object_store",
]

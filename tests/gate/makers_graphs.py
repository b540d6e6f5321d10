"""Bad SavedModels and checkpoints, written as protocol buffers by hand: TensorFlow is not needed to make them."""

from collections.abc import Iterable
from typing import Any

from tests.gate.makers import Made, bad, entry, field, written, zipped

FLOAT, STRING = 1, 7  # TensorFlow's numbers of dtypes


def function(name: str) -> bytes:
    """An attribute that names a function."""
    return field(10, field(1, name))


def constant(text: str) -> dict[str, bytes]:
    """The attributes of a Const of one text."""
    tensor = field(1, STRING) + field(2, b"") + field(8, text)
    return {"dtype": field(6, STRING), "value": field(8, tensor)}


def node(name: str, op: str, *inputs: str, **attributes: bytes) -> bytes:
    """A NodeDef."""
    parts = [field(1, name), field(2, op), *(field(3, one) for one in inputs)]
    return b"".join([*parts, *(entry(5, key, value) for key, value in attributes.items())])


def library(**functions: Iterable[bytes]) -> bytes:
    """Functions by name, each with its nodes."""
    made = [
        field(1, field(1, field(1, name)) + b"".join(field(3, one) for one in body)) for name, body in functions.items()
    ]
    return field(2, b"".join(made))


GOOD_NODES = (
    node("x", "Placeholder", dtype=field(6, FLOAT)),
    node("y", "Identity", "x", T=field(6, FLOAT)),
)
NO_SIGNATURE = b""


def signature(output: str = "y:0") -> bytes:
    def tensor(name: str) -> bytes:
        return field(1, name) + field(2, FLOAT)

    body = entry(1, "x", tensor("x:0")) + entry(2, "y", tensor(output)) + field(3, "tensorflow/serving/predict")
    return entry(5, "serving_default", body)


def saver(save: str = "save", restore: str = "restore", filename: str = "file:0") -> bytes:
    return field(3, field(1, filename) + field(2, save) + field(3, restore))


def meta(
    *nodes: bytes,
    functions: bytes = b"",
    tags: tuple[str, ...] = ("serve",),
    signatures: bytes | None = None,
    more: bytes = b"",
) -> bytes:
    """One MetaGraphDef."""
    graph = b"".join(field(1, one) for one in (*GOOD_NODES, *nodes)) + functions
    info = b"".join(field(4, tag) for tag in tags) + field(5, "1.15.0")
    return field(1, info) + field(2, graph) + (signature() if signatures is None else signatures) + more


def saved_model(*graphs: bytes) -> bytes:
    return field(1, 1) + b"".join(field(2, one) for one in graphs)


def archive(content: bytes, **more: bytes) -> bytes:
    """The zip of a SavedModel; further files by name, with "__" for "/"."""
    return zipped({"saved_model.pb": content} | {name.replace("__", "/"): raw for name, raw in more.items()})


def graph(id_: str, rule: str, *nodes: bytes, **settings: Any) -> None:
    bad(f"saved-model-{id_}", "saved_model", rule, written(archive(saved_model(meta(*nodes, **settings))), "model.zip"))


GOOD_SAVED_MODEL = archive(saved_model(meta()))

# Operations that are no computation, in the graph itself and behind everything that calls a function.
BESIDE = """
    WriteFile ReadFile MatchingFiles PyFunc EagerPyFunc PyFuncStateless PrintV2 SaveDataset TextLineDataset
    SqlDataset TFRecordDataset FixedLengthRecordDataset LMDBDataset DataServiceDatasetV2 WholeFileReaderV2
    ImmutableConst DebugIdentity DumpTensor RpcClient RpcCall CreateSummaryFileWriter CreateSummaryDbWriter
    WriteSummary LoadAndRemapMatrix Skipgram GenerateVocabRemapping FixedUnigramCandidateSampler DecodeProtoV2
    EncodeProto _Send _Recv Send Recv CollectiveReduce XlaLaunch XlaCallModule RemoteCall Abort SleepOp
    FileSystemSetConfiguration DistributedSave LoadDataset SnapshotDatasetV2 MlirPassthroughOp QueueDequeueV2
    MyCustomOp
"""
for operation in BESIDE.split():
    graph(f"op-{operation}", "operation", node("z", operation, "x"))
EVIL = library(evil=[node("w", "WriteFile", "a", "b")])
for caller, key in {
    "If": "then_branch",
    "StatelessIf": "else_branch",
    "While": "body",
    "StatelessWhile": "cond",
    "PartitionedCall": "f",
    "StatefulPartitionedCall": "f",
    "MapDefun": "f",
    "Case": "branches",
    "For": "body",
}.items():
    value = field(1, field(9, field(1, "evil"))) if key == "branches" else function("evil")
    graph(f"behind-{caller}", "operation", node("z", caller, "x", **{key: value}), functions=EVIL)
graph("unused-function", "operation", functions=EVIL)
graph(
    "function-in-function",
    "operation",
    node("z", "PartitionedCall", "x", f=function("outer")),
    functions=library(
        outer=[node("i", "PartitionedCall", "a", f=function("evil"))], evil=[node("w", "WriteFile", "a", "b")]
    ),
)
graph("function-that-is-missing", "operation", node("z", "PartitionedCall", "x", f=function("nowhere")))
ON_LOADING = entry(4, "saved_model_main_op", field(1, field(1, "init")))
graph("initialiser", "operation", node("init", "WriteFile", "x", "x"), more=ON_LOADING)

# The saver's operations outside of the saver.
SAVER = (
    node("file", "Placeholder", dtype=field(6, STRING)),
    node("save", "SaveV2", "file", "x"),
    node("restore", "RestoreV2", "file", "x"),
)
graph("saver-in-signature", "saver-operation", *SAVER, more=saver(), signatures=signature("restore:0"))
graph("saver-in-nothing", "saver-operation", node("z", "SaveV2", "x", "y"))
graph("saver-on-loading", "saver-operation", *SAVER, node("init", "Identity", "save"), more=saver() + ON_LOADING)
graph(
    "saver-writes-on-restore",
    "saver-operation",
    *SAVER[:2],
    node("restore", "RestoreV2", "file", "x", "^save"),
    more=saver(),
)
graph(
    "saver-place-of-its-own",
    "saver-operation",
    SAVER[0],
    node("place", "Const", **constant("/etc/secret")),
    node("restore", "RestoreV2", "place", "x"),
    more=saver(save=""),
)
graph("saver-saves-as-an-answer", "saver-operation", *SAVER, more=saver(save="save:0"), signatures=signature("save:0"))
PLACE = node("place", "Const", **constant("/etc/secret"))
for operation in ("IdentityN", "StringJoin", "Reshape", "Select"):
    made = node("made", operation, "place", "x")
    graph(
        f"saver-place-by-{operation}",
        "saver-operation",
        PLACE,
        made,
        node("restore", "RestoreV2", "made", "x"),
        more=saver(),
    )
    table = node("init", "InitializeTableFromTextFileV2", "x", "made")
    graph(f"table-place-by-{operation}", "asset-name", PLACE, made, table)
SAVES = library(saves=[node("w", "SaveV2", "a", "b")])
graph(
    "saver-function-in-signature",
    "saver-operation",
    node("z", "PartitionedCall", "x", f=function("saves")),
    functions=SAVES,
    signatures=signature("z:0"),
)
OBJECTS = field(7, field(1, field(4, b"")) + entry(2, "saves", b""))
graph("saver-function-of-an-object", "saver-operation", functions=SAVES, more=OBJECTS)


# Assets and tables.
def asset(name: str) -> bytes:
    return field(6, field(1, field(1, "words:0")) + field(2, name))


for id_, name in {
    "way-up": "../../secret.txt",
    "absolute": "/etc/passwd",
    "missing": "words.txt",
    "none": "..",
    "deep": "a/b",
}.items():
    graph(f"asset-{id_}", "asset-name", more=asset(name))
FORMER = field(1, field(1, "words:0")) + field(2, "../../secret.txt")
graph("asset-of-tensorflow-1", "asset-name", more=entry(4, "saved_model_assets", field(5, field(1, field(2, FORMER)))))
TABLE = node("init", "InitializeTableFromTextFileV2", "x", "place")
graph("table-of-a-file", "asset-name", node("place", "Const", **constant("/etc/passwd")), TABLE)
graph(
    "table-in-a-function",
    "asset-name",
    node("place", "Const", **constant("/etc/passwd")),
    node("z", "PartitionedCall", "x", "place", f=function("table")),
    functions=library(table=[node("init", "InitializeTableFromTextFileV2", "a", "b")]),
)

# Constants, graphs, and the files around them.
HUGE = field(8, field(1, FLOAT) + field(2, field(2, field(1, 10**12))) + field(5, b"\0\0\0\0"))
graph("constant-1-tb", "graph-size", node("c", "Const", dtype=field(6, FLOAT), value=HUGE))
MINUS = field(8, field(1, FLOAT) + field(2, field(2, field(1, -5))))
graph("constant-minus", "graph-size", node("c", "Const", dtype=field(6, FLOAT), value=MINUS))
graph("no-signature", "saved-model-empty", signatures=NO_SIGNATURE)
graph("node-twice", "saved-model-broken", node("y", "Identity", "x"))
graph("function-twice", "saved-model-broken", functions=library(one=[]) + library(one=[]))
graph(
    "circle",
    "saved-model-broken",
    node("init", "InitializeTableFromTextFileV2", "x", "a"),
    node("a", "Identity", "b"),
    node("b", "Identity", "a"),
)
graph("variables-missing", "variables", node("v", "VarHandleOp"))
bad("saved-model-no-graph", "saved_model", "saved-model-empty", written(archive(saved_model()), "model.zip"))
bad(
    "saved-model-same-tags",
    "saved_model",
    "saved-model-graphs",
    written(archive(saved_model(meta(), meta())), "model.zip"),
)
bad("saved-model-noise", "saved_model", "saved-model-broken", written(archive(b"\xff" * 200), "model.zip"))
bad("saved-model-cut", "saved_model", "saved-model-broken", written(archive(saved_model(meta())[:-7]), "model.zip"))
bad(
    "saved-model-pbtxt",
    "saved_model",
    "saved-model-twice",
    written(archive(b"x", **{"saved_model.pbtxt": b"y"}), "m.zip"),
)
bad("saved-model-program", "saved_model", "zip-member", written(archive(b"x", **{"run.py": b"y"}), "model.zip"))
bad("saved-model-folder-in-assets", "saved_model", "zip-member", written(archive(b"x", assets__a__b=b"y"), "model.zip"))
bad(
    "saved-model-index-alone",
    "saved_model",
    "variables",
    written(archive(b"x", **{"variables__variables.index": b"y"}), "m.zip"),
)
INDEX, DATA = "variables__variables.index", "variables__variables.data-00000-of-00001"
bad("saved-model-data-alone", "saved_model", "zip-missing", written(archive(b"x", **{DATA: b"y"}), "model.zip"))
bad(
    "saved-model-shard-missing",
    "saved_model",
    "variables",
    written(archive(b"x", **{INDEX: b"y", f"{DATA[:-1]}2": b"z"}), "m.zip"),
)
bad(
    "saved-model-index-noise",
    "saved_model",
    "variables",
    written(archive(saved_model(meta()), **{INDEX: b"\xff" * 99, DATA: b"z"}), "m.zip"),
)


# Folders from the command line.
def folder_with_link(folder: Any) -> Made:
    (folder / "model").mkdir()
    (folder / "model" / "saved_model.pb").symlink_to("/etc/passwd")
    return folder / "model", "model"


def empty_folder(folder: Any) -> Made:
    (folder / "model").mkdir()
    return folder / "model", "model"


bad("folder-link", "saved_model", "not-a-file", folder_with_link)
bad("folder-empty", "saved_model", "empty", empty_folder)


# Checkpoints.
def checkpoint(id_: str, rule: str, **members: bytes) -> None:
    bad(
        f"checkpoint-{id_}",
        "checkpoint",
        rule,
        written(zipped({k.replace("__", "/"): v for k, v in members.items()}), "c.zip"),
    )


PAIR = {"ckpt-1.index": b"\xff" * 99, "ckpt-1.data-00000-of-00001": b"data"}
SECOND = {name.replace("1.", "2.", 1): content for name, content in PAIR.items()}
checkpoint("index-alone", "variables", **{"ckpt-1.index": b"x"})
checkpoint("index-noise", "variables", **PAIR)
checkpoint("shard-missing", "variables", **{"ckpt-1.index": b"x", "ckpt-1.data-00001-of-00002": b"y"})
checkpoint("absolute", "checkpoint-path", **PAIR, checkpoint=b'model_checkpoint_path: "/etc/other"\n')
checkpoint("way-up", "checkpoint-path", **PAIR, checkpoint=b'model_checkpoint_path: "../../secret"\n')
checkpoint("two-and-no-word", "checkpoint-several", **PAIR, **SECOND)
checkpoint("program", "zip-member", **PAIR, **{"train.py": b"import os"})

"""Bad SavedModels."""

from typing import Any

from tests.factories.saved_model_parts import (
    FLOAT,
    NO_SIGNATURE,
    STRING,
    function_attribute,
    make_function_library,
    make_meta_graph,
    make_node,
    make_saved_model,
    make_saver,
    make_signature,
    text_constant_attributes,
    zip_saved_model,
)
from tests.factories.untrusted_files import (
    Upload,
    encode_field,
    encode_map_entry,
    register_invalid,
    single_file_upload,
)


def register_invalid_graph(
    id_: str, rule: str, *nodes: bytes, limits: dict[str, int] | None = None, **settings: Any
) -> None:
    content = zip_saved_model(make_saved_model(make_meta_graph(*nodes, **settings)))
    register_invalid(
        f"saved-model-{id_}", "saved_model", rule, single_file_upload(content, "model.zip"), **(limits or {})
    )


# Operations that are on no list, in the graph itself and behind everything that calls a function. None of these nodes
# says what its operation needs, so TensorFlow refuses them all.
FORBIDDEN_OPERATIONS = """
    WriteFile ReadFile MatchingFiles PyFunc EagerPyFunc PyFuncStateless PrintV2 SaveDataset TextLineDataset
    SqlDataset TFRecordDataset FixedLengthRecordDataset LMDBDataset DataServiceDatasetV2 WholeFileReaderV2
    ImmutableConst DebugIdentity DumpTensor RpcClient RpcCall CreateSummaryFileWriter CreateSummaryDbWriter
    WriteSummary LoadAndRemapMatrix Skipgram GenerateVocabRemapping FixedUnigramCandidateSampler DecodeProtoV2
    EncodeProto _Send _Recv Send Recv CollectiveReduce XlaLaunch XlaCallModule RemoteCall Abort SleepOp
    FileSystemSetConfiguration DistributedSave LoadDataset SnapshotDatasetV2 MlirPassthroughOp QueueDequeueV2
    MyCustomOp
"""
for operation in FORBIDDEN_OPERATIONS.split():
    register_invalid_graph(f"op-{operation}", "operation", make_node("z", operation, "x"))
OTHER = make_function_library(other=[make_node("w", "MyOperation", "a", "b")])
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
    value = (
        encode_field(1, encode_field(9, encode_field(1, "other"))) if key == "branches" else function_attribute("other")
    )
    register_invalid_graph(
        f"behind-{caller}", "operation", make_node("z", caller, "x", **{key: value}), functions=OTHER
    )


def make_object(*children: tuple[str, int], **functions: str) -> bytes:
    """A node of an object graph with its children by name; `function` or `bare` names the function that it is."""
    made = b"".join(encode_field(1, encode_field(1, at) + encode_field(2, name)) for name, at in children)
    made += b"".join(encode_field(6, encode_field(1, name)) for key, name in functions.items() if key == "function")
    return made + b"".join(encode_field(8, encode_field(1, name)) for key, name in functions.items() if key == "bare")


def make_objects(*nodes: bytes) -> bytes:
    """An object graph over the function `other`."""
    return encode_field(7, b"".join(encode_field(1, node) for node in nodes) + encode_map_entry(2, "other", b""))


RUN_UNASKED = {
    "function-on-loading": make_objects(make_object(("_initialize", 1)), make_object(function="other")),
    "function-of-signature": make_objects(
        make_object(("signatures", 1)), make_object(("serving_default", 2)), make_object(bare="other")
    ),
    "function-in-signature-map": make_objects(
        make_object(("other", 1)),
        make_object(("serving_default", 2)) + encode_field(4, encode_field(1, "signature_map")),
        make_object(function="other"),
    ),
    "function-that-restores": make_objects(
        make_object() + encode_map_entry(11, "part", encode_field(2, 0) + encode_field(3, 1)),
        make_object(function="other"),
    ),
}
for id_, objects in RUN_UNASKED.items():
    register_invalid_graph(id_, "operation", functions=OTHER, more=objects)
register_invalid_graph(
    "function-in-function",
    "operation",
    make_node("z", "PartitionedCall", "x", f=function_attribute("outer")),
    functions=make_function_library(
        outer=[make_node("i", "PartitionedCall", "a", f=function_attribute("other"))],
        other=[make_node("w", "MyOperation", "a", "b")],
    ),
)
register_invalid_graph(
    "function-that-is-missing", "operation", make_node("z", "PartitionedCall", "x", f=function_attribute("nowhere"))
)
ON_LOADING = encode_map_entry(4, "saved_model_main_op", encode_field(1, encode_field(1, "init")))
register_invalid_graph("initialiser", "operation", make_node("init", "MyOperation", "x", "x"), more=ON_LOADING)

# The saver's operations outside of the saver.
SAVER = (
    make_node("file", "Placeholder", dtype=encode_field(6, STRING)),
    make_node("save", "SaveV2", "file", "x"),
    make_node("restore", "RestoreV2", "file", "x"),
)
register_invalid_graph(
    "saver-in-signature", "saver-operation", *SAVER, more=make_saver(), signatures=make_signature("restore:0")
)
register_invalid_graph("saver-in-nothing", "saver-operation", make_node("z", "SaveV2", "x", "y"))
register_invalid_graph(
    "saver-on-loading", "saver-operation", *SAVER, make_node("init", "Identity", "save"), more=make_saver() + ON_LOADING
)
register_invalid_graph(
    "saver-writes-on-restore",
    "saver-operation",
    *SAVER[:2],
    make_node("restore", "RestoreV2", "file", "x", "^save"),
    more=make_saver(),
)
register_invalid_graph(
    "saver-place-of-its-own",
    "saver-operation",
    SAVER[0],
    make_node("place", "Const", **text_constant_attributes("elsewhere")),
    make_node("restore", "RestoreV2", "place", "x"),
    more=make_saver(save=""),
)
register_invalid_graph(
    "saver-saves-as-an-answer",
    "saver-operation",
    *SAVER,
    more=make_saver(save="save:0"),
    signatures=make_signature("save:0"),
)
PLACE = make_node("place", "Const", **text_constant_attributes("elsewhere"))
for operation in ("IdentityN", "StringJoin", "Reshape", "Select"):
    made = make_node("made", operation, "place", "x")
    register_invalid_graph(
        f"saver-place-by-{operation}",
        "saver-operation",
        PLACE,
        made,
        make_node("restore", "RestoreV2", "made", "x"),
        more=make_saver(),
    )
    table = make_node("init", "InitializeTableFromTextFileV2", "x", "made")
    register_invalid_graph(f"table-place-by-{operation}", "asset-name", PLACE, made, table)
SAVES = make_function_library(saves=[make_node("w", "SaveV2", "a", "b")])
register_invalid_graph(
    "saver-function-in-signature",
    "saver-operation",
    make_node("z", "PartitionedCall", "x", f=function_attribute("saves")),
    functions=SAVES,
    signatures=make_signature("z:0"),
)
OBJECTS = encode_field(7, encode_field(1, encode_field(4, b"")) + encode_map_entry(2, "saves", b""))
register_invalid_graph("saver-function-of-an-object", "saver-operation", functions=SAVES, more=OBJECTS)


# Assets and tables.
def make_asset(name: str) -> bytes:
    return encode_field(6, encode_field(1, encode_field(1, "words:0")) + encode_field(2, name))


for id_, name in {
    "way-up": "../words.txt",
    "absolute": "/words.txt",
    "missing": "words.txt",
    "none": "..",
    "deep": "a/b",
}.items():
    register_invalid_graph(f"asset-{id_}", "asset-name", more=make_asset(name))
FORMER = encode_field(1, encode_field(1, "words:0")) + encode_field(2, "../words.txt")
register_invalid_graph(
    "asset-of-tensorflow-1",
    "asset-name",
    more=encode_map_entry(4, "saved_model_assets", encode_field(5, encode_field(1, encode_field(2, FORMER)))),
)
TABLE = make_node("init", "InitializeTableFromTextFileV2", "x", "place")
register_invalid_graph(
    "table-of-a-file", "asset-name", make_node("place", "Const", **text_constant_attributes("words.txt")), TABLE
)
register_invalid_graph(
    "table-in-a-function",
    "asset-name",
    make_node("place", "Const", **text_constant_attributes("words.txt")),
    make_node("z", "PartitionedCall", "x", "place", f=function_attribute("table")),
    functions=make_function_library(table=[make_node("init", "InitializeTableFromTextFileV2", "a", "b")]),
)

# Constants, graphs, and the files around them.
LARGE = encode_field(
    8,
    encode_field(1, FLOAT) + encode_field(2, encode_field(2, encode_field(1, 300_000))) + encode_field(5, b"\0\0\0\0"),
)
register_invalid_graph(
    "constant-1-mib",
    "graph-size",
    make_node("c", "Const", dtype=encode_field(6, FLOAT), value=LARGE),
    limits={"unpacked_mb": 1},
)
MINUS = encode_field(8, encode_field(1, FLOAT) + encode_field(2, encode_field(2, encode_field(1, -5))))
register_invalid_graph(
    "constant-minus", "graph-size", make_node("c", "Const", dtype=encode_field(6, FLOAT), value=MINUS)
)
register_invalid_graph(
    "40-nodes",
    "saved-model-broken",
    *(make_node(f"i{at}", "Identity", "x", T=encode_field(6, FLOAT)) for at in range(40)),
    limits={"MAX_GRAPH_NODES": 30},
)
register_invalid_graph(
    "80-kib",
    "saved-model-broken",
    make_node("c", "Const", **text_constant_attributes("word " * (16 << 10))),
    limits={"MAX_GRAPH_BYTES": 64 << 10},
)
register_invalid_graph("no-signature", "saved-model-empty", signatures=NO_SIGNATURE)
register_invalid_graph("node-twice", "saved-model-broken", make_node("y", "Identity", "x"))
register_invalid_graph(
    "function-twice", "saved-model-broken", functions=make_function_library(one=[]) + make_function_library(one=[])
)
register_invalid_graph(
    "circle",
    "saved-model-broken",
    make_node("init", "InitializeTableFromTextFileV2", "x", "a"),
    make_node("a", "Identity", "b"),
    make_node("b", "Identity", "a"),
)
register_invalid_graph("variables-missing", "variables", make_node("v", "VarHandleOp"))
register_invalid(
    "saved-model-no-graph",
    "saved_model",
    "saved-model-empty",
    single_file_upload(zip_saved_model(make_saved_model()), "model.zip"),
)
register_invalid(
    "saved-model-same-tags",
    "saved_model",
    "saved-model-graphs",
    single_file_upload(zip_saved_model(make_saved_model(make_meta_graph(), make_meta_graph())), "model.zip"),
)
register_invalid(
    "saved-model-noise",
    "saved_model",
    "saved-model-broken",
    single_file_upload(zip_saved_model(b"\xff" * 200), "model.zip"),
)
register_invalid(
    "saved-model-cut",
    "saved_model",
    "saved-model-broken",
    single_file_upload(zip_saved_model(make_saved_model(make_meta_graph())[:-7]), "model.zip"),
)
register_invalid(
    "saved-model-pbtxt",
    "saved_model",
    "saved-model-twice",
    single_file_upload(zip_saved_model(b"x", **{"saved_model.pbtxt": b"y"}), "m.zip"),
)
register_invalid(
    "saved-model-program",
    "saved_model",
    "zip-member",
    single_file_upload(zip_saved_model(b"x", **{"run.py": b"y"}), "model.zip"),
)
register_invalid(
    "saved-model-folder-in-assets",
    "saved_model",
    "zip-member",
    single_file_upload(zip_saved_model(b"x", assets__a__b=b"y"), "model.zip"),
)
register_invalid(
    "saved-model-index-alone",
    "saved_model",
    "variables",
    single_file_upload(zip_saved_model(b"x", **{"variables__variables.index": b"y"}), "m.zip"),
)
INDEX, DATA = "variables__variables.index", "variables__variables.data-00000-of-00001"
register_invalid(
    "saved-model-data-alone",
    "saved_model",
    "zip-missing",
    single_file_upload(zip_saved_model(b"x", **{DATA: b"y"}), "model.zip"),
)
register_invalid(
    "saved-model-shard-missing",
    "saved_model",
    "variables",
    single_file_upload(zip_saved_model(b"x", **{INDEX: b"y", f"{DATA[:-1]}2": b"z"}), "m.zip"),
)
register_invalid(
    "saved-model-index-noise",
    "saved_model",
    "variables",
    single_file_upload(
        zip_saved_model(make_saved_model(make_meta_graph()), **{INDEX: b"\xff" * 99, DATA: b"z"}), "m.zip"
    ),
)


# Folders from the command line.
def make_folder_with_symlink(folder: Any) -> Upload:
    (folder / "model").mkdir()
    (folder / "beside").write_bytes(make_saved_model(make_meta_graph()))
    (folder / "model" / "saved_model.pb").symlink_to(folder / "beside")
    return folder / "model", "model"


def make_empty_folder(folder: Any) -> Upload:
    (folder / "model").mkdir()
    return folder / "model", "model"


register_invalid("folder-link", "saved_model", "not-a-file", make_folder_with_symlink)
register_invalid("folder-empty", "saved_model", "empty", make_empty_folder)

"""What no honest model exceeds, in one place. What an owner may want to raise stands in `core.settings` instead."""

MEMBERS = 2_000  # files in one zip or folder
DIRECTORY = 1 * 2**20  # bytes of a zip's index
RATIO = 1032  # deflate cannot make more bytes out of one
SLACK = 1024  # bytes for which no ratio is asked: a stream has a beginning and an end
JSON = 16 * 2**20  # bytes of a config; the largest of keras.applications has 2 MB
JSON_ITEMS = 1_000_000  # commas and brackets in a config
JSON_DEPTH = 256
DIGITS = 64  # characters of one number
NAME = 512  # characters of the name of a layer
H5_OBJECTS = 50_000  # groups and arrays
H5_DEPTH = 64
H5_ATTRIBUTE = 64 * 2**20  # bytes of one attribute: HDF5 itself splits lists of names above 64 kB
H5_ATTRIBUTES = 4_096  # attributes of one object
EXPANSION = 1_000  # times the stored bytes that an array may claim, above the floor
EXPANSION_FLOOR = 16 * 2**20  # bytes below which no expansion is asked
GRAPH = 2**31 - 1  # bytes of a protocol buffer
NODES = 1_000_000  # operations in a graph and its functions
XML = 64 * 2**20  # bytes
DIMENSION = 10**8  # size of one axis of a tensor
ELEMENTS = 2**33  # numbers of one tensor

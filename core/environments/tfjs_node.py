"""TensorFlow.js in Node.js, with its kernels in plain JavaScript, without its converter."""

from core.environments.base import NODE_PROGRAM, NODE_REQUIREMENTS, Environment

ENVIRONMENT = Environment(
    key="tfjs-node",
    label="TensorFlow.js 4.22 in Node.js",
    requirements=NODE_REQUIREMENTS,
    takes=frozenset({"tfjs_graph"}),
    script="tfjs_node",
    megabytes=257,
    good_for="TensorFlow.js graph models as a page or a server in JavaScript runs them, without a graphics card.",
    lock="node",
    npm="tfjs",
    programs=(NODE_PROGRAM,),
)

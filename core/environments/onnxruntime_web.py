"""onnxruntime-web, ONNX Runtime in WebAssembly as pages run it, in Node.js."""

from core.environments.base import NODE_PROGRAM, NODE_REQUIREMENTS, ONNX_FORMATS, Environment

ENVIRONMENT = Environment(
    key="onnxruntime-web",
    label="onnxruntime-web 1.30 in Node.js",
    requirements=NODE_REQUIREMENTS,
    takes=ONNX_FORMATS,
    script="onnx_web",
    megabytes=270,
    good_for="ONNX files on pages: the WebAssembly that a browser runs, in one thread.",
    lock="node",
    npm="onnxruntime_web",
    programs=(NODE_PROGRAM,),
)

"""Files of OpenVINO and of ONNX in OpenVINO on the CPU, in float32."""

from kit_files import find_file, read_shapes

MODULES = ("numpy", "openvino")
DISTRIBUTIONS = ("openvino",)


def load(kit):
    import openvino

    path = find_file(kit, ".xml", ".onnx")
    core = openvino.Core()
    model = core.read_model(path)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    wanted = list(read_shapes(kit, "expected.npz"))
    ports = name_ports(compiled.outputs, wanted)

    def predict(inputs):
        results = compiled(inputs)
        return {name: results[port].copy() for name, port in ports.items()}

    return predict


def name_ports(ports, wanted):
    """Return outputs by the names that the kit knows: a port has several, and a converter leaves ports over."""
    named = {name: port for name in wanted for port in ports if name in port.get_names()}
    return named if named or len(ports) != len(wanted) else dict(zip(wanted, ports, strict=True))

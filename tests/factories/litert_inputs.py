"""What the inputs of a LiteRT file say of their sizes, read without running it."""


def list_free_inputs(content: bytes) -> list[str]:
    """The inputs of the first graph that leave a size open, by the names of their tensors."""
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    ports = [graph.Tensors(graph.Inputs(at)) for at in range(graph.InputsLength())]
    sizes = [[port.ShapeSignature(at) for at in range(port.ShapeSignatureLength())] for port in ports]
    return [port.Name().decode() for port, stated in zip(ports, sizes, strict=True) if any(size < 0 for size in stated)]

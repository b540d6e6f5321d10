"""Validate OpenVINO's IR: XML without entities, operations of OpenVINO's own sets, numbers inside of the .bin."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.validation import limits, refusal
from core.validation.content.facts import ContentFacts

CHECKED_OPENVINO = "Operations and places of constants in the OpenVINO IR"
OPSET = re.compile(r"opset([1-9]|1\d)")
XML_STARTS = (b"<?xml", b"<net")
BLOCK = 1 << 16


def validate_openvino(folder: Path) -> ContentFacts:
    """Raises Refused."""
    text = (folder / "model.xml").read_bytes()
    _check_xml_text(text)
    data_size, has_result = (folder / "model.bin").stat().st_size, False
    for element in _walk_elements(text):
        if element.tag == "layer":
            has_result |= _check_layer(element) == "Result"
        elif element.tag == "data" and "offset" in element.attrib:
            _check_data_range(element, data_size)
    if not has_result:
        raise refusal("openvino-empty")
    return {"checked": [CHECKED_OPENVINO]}


def _check_xml_text(text: bytes) -> None:
    """OpenVINO writes UTF-8 without a document type; what could hold entities is not parsed at all."""
    if len(text) > limits.MAX_XML_BYTES or not text.lstrip().startswith(XML_STARTS) or b"\0" in text:
        raise refusal("xml")
    declaration = re.match(rb"\s*<\?xml[^>]*encoding\s*=\s*[\"']([^\"']*)", text)
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text or (declaration and declaration[1].lower() != b"utf-8"):
        raise refusal("xml")


def _walk_elements(text: bytes) -> Iterator[ElementTree.Element]:
    """Yield every element with its attributes; the tree is not kept."""
    parser: Any = ElementTree.XMLPullParser(("start", "end"))  # its events are typed as any of four kinds
    depth = 0
    for start in range(0, len(text), BLOCK):
        parser.feed(text[start : start + BLOCK])
        for event, element in parser.read_events():
            depth += 1 if event == "start" else -1
            if depth > limits.MAX_XML_DEPTH:
                raise refusal("xml", f"more than {limits.MAX_XML_DEPTH} elements in each other")
            if event == "end":
                element.clear()
                continue
            if depth == 1 and element.tag != "net":
                raise refusal("xml", element.tag)
            yield element
    parser.close()


def _check_layer(layer: ElementTree.Element) -> str:
    """Return the operation of a layer."""
    operation, opset = layer.get("type", ""), layer.get("version", "")
    if not OPSET.fullmatch(opset) or not re.fullmatch(r"\w{1,64}", operation):
        raise refusal("openvino-operation", f"{opset}.{operation}")
    return operation


def _check_data_range(data: ElementTree.Element, data_size: int) -> None:
    try:
        offset, size = int(data.get("offset", "")), int(data.get("size", "-1"))
    except ValueError as error:
        raise refusal("openvino-offset") from error
    if offset < 0 or size < 0 or offset + size > data_size:
        raise refusal("openvino-offset", f"{offset:,} + {size:,} of {data_size:,} bytes")

"""Looks into a serialised ONNX model for tensors that point to other files, without the onnx package.

A model that reads weights from a path of its own choosing is not the file that was checked, so it is refused before ONNX
Runtime sees it. Only the protobuf wire format is read (https://protobuf.dev/programming-guides/encoding/), and only the
messages that can hold a tensor; field numbers are those of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Which field of which message holds which message."""

_TENSOR_EXTERNAL_DATA = 13
_TENSOR_DATA_LOCATION = 14
_MAX_FIELDS = 2_000_000
"""More than any model of ours has; a file made to keep us busy is given up on."""


def has_external_data(data: bytes) -> bool:
    """Whether any tensor of a serialised ModelProto keeps its data outside.

    Raises:
        ValueError: `data` is not in the protobuf wire format, or is absurdly fragmented.
    """
    seen = 0
    pending = [("model", memoryview(data))]
    while pending:
        message, body = pending.pop()
        inside = _INSIDE[message]
        for number, value in _fields(body):
            seen += 1
            if seen > _MAX_FIELDS:
                raise ValueError(f"more than {_MAX_FIELDS} fields")
            if message == "tensor" and (number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_DATA_LOCATION and value != 0)):
                return True
            if number in inside and isinstance(value, memoryview):
                pending.append((inside[number], value))
    return False


def _fields(body: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field; numbers of fixed width are passed as their bytes."""
    at = 0
    while at < len(body):
        key, at = _varint(body, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, at = _varint(body, at)
            yield number, value
            continue
        if wire_type == 2:
            size, at = _varint(body, at)
        elif wire_type in (1, 5):
            size = 8 if wire_type == 1 else 4
        else:
            raise ValueError(f"wire type {wire_type} at byte {at}")
        if at + size > len(body):
            raise ValueError(f"field {number} ends {at + size - len(body)} bytes behind the end")
        yield number, body[at : at + size]
        at += size


def _varint(body: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(body):
            raise ValueError("a number is cut off at the end")
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number of more than ten bytes before byte {at}")

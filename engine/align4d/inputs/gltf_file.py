"""The parts of a glTF 2.0 file that a moving mesh needs: nodes, accessors, images. Buffers are checked before they are read.

Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

import base64
import io
import json
import struct
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from PIL import Image

from ..errors import EngineError
from .foreign import reading
from .image_file import open_image
from .meshopt import EXTENSIONS, unpacked

_MAGIC, _JSON, _BINARY = b"glTF", 0x4E4F534A, 0x004E4942
_TYPES: dict[int, Any] = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}

_ADVICE = "Export it again."

MOST_VALUES = 50_000_000
"""Of one accessor; one without a buffer takes no room in the file."""


class GltfFile:
    """A .glb or .gltf file. Raises EngineError "gltf_unreadable" wherever the file does not follow the specification."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.reading():
            content = path.read_bytes()
            text, self._binary = _chunks(content) if content[:4] == _MAGIC else (content, b"")
            self.json: dict[str, Any] = json.loads(text)
            if not isinstance(self.json, dict):
                raise ValueError("its content is no object")
        self._buffers: dict[int, bytes] = {}
        self._unpacked: dict[int, bytes] = {}

    def unreadable(self, reason: str) -> EngineError:
        """The error for this file."""
        return EngineError("gltf_unreadable", f"{self.path.name} cannot be read as glTF 2.0 ({reason}).", _ADVICE)

    def reading(self, part: str = "") -> AbstractContextManager[None]:
        """Whatever goes wrong inside is that error; `part` of the file that is read."""
        return reading("gltf_unreadable", f"{self.path.name} cannot be read as glTF 2.0{part and f': {part} is damaged'}", _ADVICE)

    def items(self, kind: str) -> list[dict[str, Any]]:
        """The file's nodes, meshes, ...; empty where it has none."""
        found = self.json.get(kind, [])
        return found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else []

    def item(self, kind: str, index: Any) -> dict[str, Any]:
        """One of them."""
        found = self.items(kind)
        if not isinstance(index, int) or not 0 <= index < len(found):
            raise self.unreadable(f"it has no {kind}[{index}]")
        return found[index]

    def accessor(self, index: Any) -> np.ndarray:
        """(count, width) values; integers that stand for fractions are float32 in [-1, 1]."""
        accessor = self.item("accessors", index)
        with self.reading(f"accessors[{index}]"):
            dtype, width, count = np.dtype(_TYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]], int(accessor["count"])
            if not 0 <= count <= MOST_VALUES:
                raise ValueError(f"it claims {count} values")
            if "bufferView" in accessor:
                values = self._strided(accessor["bufferView"], accessor.get("byteOffset", 0), dtype, width, count)
            else:
                values = np.zeros((count, width), dtype)
            if "sparse" in accessor:
                values = self._with_sparse(values, accessor["sparse"], dtype, width)
        return self.fractions(values, accessor)

    def fractions(self, values: np.ndarray, accessor: dict[str, Any]) -> np.ndarray:
        """Values of an accessor; integers that stand for fractions as float32 in [-1, 1]."""
        dtype = np.dtype(_TYPES[accessor["componentType"]])
        if accessor.get("normalized") and dtype.kind in "iu" and values.dtype.kind in "iu":
            return np.maximum(values.astype(np.float32) / float(np.iinfo(_TYPES[accessor["componentType"]]).max), -1.0)
        return values

    def view(self, index: Any) -> bytes:
        """The bytes of a buffer view."""
        with self.reading(f"bufferViews[{index}]"):
            return self._view(index)

    def image(self, index: Any) -> Image.Image:
        """An image, decoded."""
        entry = self.item("images", index)
        with self.reading(f"images[{index}]"):
            data = self._view(entry["bufferView"]) if "bufferView" in entry else self._uri(entry["uri"])
            with open_image(io.BytesIO(data)) as image:
                return image.convert("RGB")

    def missing_image(self, index: Any) -> str:
        """The name of an image that should be a file in this one's folder and is not; "" for others."""
        uri = self.item("images", index).get("uri")
        if not isinstance(uri, str) or uri.startswith("data:"):
            return ""
        with self.reading(f"images[{index}]"):
            target = self._beside(uri)
            return "" if target is not None and target.is_file() else uri

    def _beside(self, uri: str) -> Path | None:
        """The file that a relative address names; None for one outside the folder."""
        folder = self.path.parent.resolve()
        target = (folder / unquote(uri)).resolve()
        return target if target.is_relative_to(folder) else None

    def _strided(self, view: Any, offset: int, dtype: np.dtype[Any], width: int, count: int) -> np.ndarray:
        data = self._view(view)
        stride = self.item("bufferViews", view).get("byteStride", dtype.itemsize * width)
        if count and offset + (count - 1) * stride + dtype.itemsize * width > len(data):
            raise ValueError("it reaches past its buffer view")
        return np.ndarray((count, width), dtype.newbyteorder("<"), data, offset, (stride, dtype.itemsize)).astype(dtype)

    def _with_sparse(self, values: np.ndarray, sparse: dict[str, Any], dtype: np.dtype[Any], width: int) -> np.ndarray:
        indices, replaced, count = sparse["indices"], sparse["values"], int(sparse["count"])
        kind = np.dtype(_TYPES[indices["componentType"]])
        places = self._strided(indices["bufferView"], indices.get("byteOffset", 0), kind, 1, count)[:, 0]
        if count and places.max() >= len(values):
            raise ValueError("a sparse index is too large")
        values[places] = self._strided(replaced["bufferView"], replaced.get("byteOffset", 0), dtype, width, count)
        return values

    def _view(self, index: Any) -> bytes:
        view = self.item("bufferViews", index)
        packed = next((view["extensions"][name] for name in EXTENSIONS if name in view.get("extensions", {})), None)
        if packed is None:
            return self._part(view)
        if index not in self._unpacked:
            count, stride, mode = int(packed["count"]), int(packed["byteStride"]), packed["mode"]
            self._unpacked[index] = unpacked(self._part(packed), count, stride, mode, packed.get("filter", "NONE"))
        return self._unpacked[index]

    def _part(self, view: dict[str, Any]) -> bytes:
        """Bytes of a buffer, from "byteOffset" on as many as "byteLength" says."""
        start, length = int(view.get("byteOffset", 0)), int(view["byteLength"])
        data = self._buffer(view["buffer"])
        if start < 0 or length < 0 or start + length > len(data):
            raise ValueError("a buffer view reaches past its buffer")
        return data[start : start + length]

    def _buffer(self, index: int) -> bytes:
        if index not in self._buffers:
            uri = self.item("buffers", index).get("uri")
            self._buffers[index] = self._binary if uri is None else self._uri(uri)
        return self._buffers[index]

    def _uri(self, uri: str) -> bytes:
        if uri.startswith("data:"):
            return base64.b64decode(uri.partition(",")[2], validate=True)
        target = self._beside(uri)
        if target is None:
            raise ValueError(f"{uri} lies outside the file's folder")
        return target.read_bytes()


def _chunks(content: bytes) -> tuple[bytes, bytes]:
    """JSON and binary chunk of a .glb."""
    version, length = struct.unpack_from("<II", content, 4)
    if version != 2 or length > len(content):
        raise ValueError("it is cut short" if version == 2 else f"it has version {version}")
    found: dict[int, bytes] = {}
    place = 12
    while place + 8 <= length:
        size, kind = struct.unpack_from("<II", content, place)
        found.setdefault(kind, content[place + 8 : place + 8 + size])
        place += 8 + size
    if _JSON not in found:
        raise ValueError("it has no JSON chunk")
    return found[_JSON], found.get(_BINARY, b"")

"""DICOM images as PNG pictures, by pydicom and numpy."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

_FORMATS = {2: 0, 3: 2}
"""The colour type of PNG by the number of dimensions: grey, or red, green and blue."""


class NoPicture(Exception):
    """A file has no picture that can be rendered here."""


def render(path: Path) -> bytes:
    """Return the picture of a DICOM file, or the middle one of several, as PNG.

    Raises:
        NoPicture: there is none, or it is compressed by a method that is not installed.
    """
    try:
        return png(_pixels(pydicom.dcmread(path)))
    except Exception as error:  # noqa: BLE001  pydicom raises many kinds, which may quote the file
        raise NoPicture(type(error).__name__) from None


def _pixels(image: pydicom.Dataset) -> "np.ndarray[Any, Any]":
    """Return rows of grey or of red, green and blue, each from 0 to 255."""
    pixels: np.ndarray[Any, Any] = image.pixel_array
    if image.get("NumberOfFrames", 1) > 1:
        pixels = pixels[len(pixels) // 2]
    if image.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, image)
    if pixels.ndim == 3:
        highest_bits: np.ndarray[Any, Any] = pixels >> (8 * pixels.itemsize - 8)
        return highest_bits.astype(np.uint8)
    shades = apply_voi_lut(apply_modality_lut(pixels, image), image).astype(float)
    lowest, highest = shades.min(), shades.max()
    grey = (shades - lowest) * (255 / max(highest - lowest, 1))
    if image.PhotometricInterpretation == "MONOCHROME1":
        grey = 255 - grey
    shown: np.ndarray[Any, Any] = grey.astype(np.uint8)
    return shown


def png(pixels: "np.ndarray[Any, Any]") -> bytes:
    """Return pixels of eight bits as a PNG file."""
    height, width = pixels.shape[:2]
    header = struct.pack(">2I5B", width, height, 8, _FORMATS[pixels.ndim], 0, 0, 0)
    # Each line begins with the number of its filter: none.
    lines = np.insert(pixels.reshape(height, -1), 0, 0, axis=1).tobytes()
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

"""DICOM images as pictures: the shades and colours that they have."""

import struct
import zlib

import pytest

from docs_examples import examples, require_portal

require_portal()

import numpy as np  # noqa: E402
import pydicom  # noqa: E402
from pydicom.data import get_testdata_file  # noqa: E402

with examples():
    from portal.pictures import NoPicture, render


def shipped(name):
    return get_testdata_file(name, download=False)


def pixels_of(picture):
    """Return the pixels of a PNG file whose lines have no filter."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(picture):
        size, kind = struct.unpack(">I4s", picture[at : at + 8])
        chunks[kind] = picture[at + 8 : at + 8 + size]
        (check,) = struct.unpack(">I", picture[at + 8 + size : at + 12 + size])
        assert check == zlib.crc32(kind + chunks[kind])
        at += 12 + size
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, bits, colour, *_ = struct.unpack(">2I5B", chunks[b"IHDR"])
    assert bits == 8
    shape = {0: (height, width), 2: (height, width, 3)}[colour]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(shape)


def saved(image, path, kind):
    image.PhotometricInterpretation = kind
    image.save_as(path)
    return path


def test_shades_go_from_black_to_white_and_some_images_are_negatives(tmp_path):
    image = pydicom.dcmread(shipped("CT_small.dcm"))
    shades = pixels_of(render(saved(image, tmp_path / "2", "MONOCHROME2")))
    assert (shades.shape, shades.min(), shades.max()) == (image.pixel_array.shape, 0, 255)
    brightest = np.unravel_index(image.pixel_array.argmax(), shades.shape)
    assert shades[brightest] == 255
    negative = pixels_of(render(saved(image, tmp_path / "1", "MONOCHROME1")))
    assert negative[brightest] == 0
    assert abs(negative.astype(int) - (255 - shades)).max() <= 1


def test_a_window_says_which_shades_are_shown(tmp_path):
    image = pydicom.dcmread(shipped("CT_small.dcm"))
    image.WindowCenter, image.WindowWidth = 40, 80
    image.save_as(tmp_path / "windowed")
    shades = pixels_of(render(tmp_path / "windowed"))
    units = image.pixel_array * image.RescaleSlope + image.RescaleIntercept
    assert (shades[units < -1] == 0).all()
    assert (shades[units > 81] == 255).all()


def test_colours_are_those_of_the_image():
    image = pydicom.dcmread(shipped("SC_rgb_small_odd.dcm"))
    assert (pixels_of(render(image.filename)) == image.pixel_array).all()
    # The same picture with sixteen bits a colour, and in two frames.
    eight = pixels_of(render(shipped("SC_rgb_rle.dcm")))
    assert (pixels_of(render(shipped("SC_rgb_rle_16bit.dcm"))) == eight).all()
    assert pixels_of(render(shipped("SC_rgb_rle_2frame.dcm"))).shape == eight.shape
    palette = pixels_of(render(shipped("examples_palette.dcm")))
    assert (palette.ndim, len(np.unique(palette.reshape(-1, 3), axis=0)) > 16) == (3, True)


@pytest.mark.parametrize("name", ["rtplan.dcm", "JPEG2000.dcm", "README.txt"])
def test_a_file_without_a_picture_says_so_and_quotes_nothing(name):
    with pytest.raises(NoPicture) as found:
        render(shipped(name))
    assert str(found.value).isidentifier()
    assert found.value.__cause__ is None

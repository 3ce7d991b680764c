"""A camera: takes the picture of a link as an app would show it, and reads it with a decoder that
has nothing to do with what drew it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import zxingcpp

PIXELS_EACH = 4
"""Pixels on the side of one module."""
STEP = re.compile(r"([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?")
PATH = "{http://www.w3.org/2000/svg}path"


def scanned(svg: str) -> str:
    """What the QR code says."""
    shades = np.repeat(np.repeat(_picture(svg), PIXELS_EACH, 0), PIXELS_EACH, 1)
    found = zxingcpp.read_barcodes(shades, zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    assert [one.valid for one in found] == [True]
    return found[0].text


def _picture(svg: str) -> np.ndarray:
    """A shade for each module: the white ground, and black lines that are one module wide."""
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(int, root.attrib["viewBox"].split())
    ground, lines = root.findall(PATH)
    assert ground.attrib["d"] == f"M0 0h{width}v{height}h-{width}z"
    assert (ground.attrib["fill"], lines.attrib["stroke"]) == ("#fff", "#000")
    shades = np.full((height, width), 255, np.uint8)
    drawn = lines.attrib["d"]
    assert STEP.sub("", drawn) == "", "nothing but moves and horizontal lines"
    x = y = 0.0
    for kind, first, second in STEP.findall(drawn):
        if kind == "h":
            shades[int(y), int(x) : int(x + float(first))] = 0
        elif kind == "M":
            x = y = 0.0
        x += float(first)
        y += float(second or 0)
    return shades

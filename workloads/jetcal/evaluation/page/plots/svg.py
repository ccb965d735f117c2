"""Drawings as ``<svg>`` elements that can stand on one page."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from html import escape, unescape

import matplotlib as mpl
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plot:
    """A drawing for the report.

    Attributes
    ----------
    key
        Name of the drawing among all, fit for a file.
    svg
        The drawing as an ``<svg>`` element whose ids no other drawing on the page has.
    title
        What is seen, in a few words.
    caption
        How to read it.
    alt
        The same in words and numbers, for who cannot see it.
    tells
        Whether its lines tell more about themselves when they are pointed at.
    """

    key: str
    svg: str
    title: str
    caption: str
    alt: str
    tells: bool = False


def to_svg(drawing: Figure, key: str) -> str:
    """The figure as an ``<svg>`` element that fills the width it is given.

    Parameters
    ----------
    drawing
        The figure. Artists with a gid of the form ``kind:name`` become groups with the attribute ``data-kind="name"``.
    key
        Keeps its ids apart from those of other drawings.
    """
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": key, "svg.fonttype": "path"}):
        drawing.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"""<g id=(["'])([a-z]+):(.*?)\1""", _data, text)
    text = re.sub(r'\bid="', f'id="{key}-', text)
    text = re.sub(r"url\(#", f"url(#{key}-", text)
    text = re.sub(r'href="#', f'href="#{key}-', text)
    text = re.sub(r"scale\([^)]*\)|(-?\d+\.\d{2})\d+", lambda number: number[1] or number[0], text)
    return re.sub(r' width="[^"]*pt" height="[^"]*pt"', "", text, count=1)


def _data(found: re.Match[str]) -> str:
    """The attribute in double quotes, whichever matplotlib took."""
    return f'<g data-{found[2]}="{escape(unescape(found[3]), quote=True)}"'

"""What the pages have in common: their templates, and pictures inside them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from probvae.report.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from probvae.report.style import COLOURS

BOX = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "top": TOP, "right": RIGHT, "bottom": BOTTOM}
"""A chart's coordinate system, for templates."""


@dataclass(frozen=True)
class Picture:
    """A figure.

    Args:
        caption: what it shows.
        address: the picture itself, as a data URI.
        width: in pixels.
        height: in pixels.
    """

    caption: str
    address: str
    width: int
    height: int

    @property
    def wide(self) -> bool:
        """Whether it needs the width of the page."""
        return self.width > 1.8 * self.height


def picture(path: Path, caption: str) -> Picture | None:
    """The picture of a PNG file; None if there is no such file."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    width, height = (int.from_bytes(content[start : start + 4], "big") for start in (16, 20))  # of a PNG's header
    return Picture(caption, f"data:image/png;base64,{base64.b64encode(content).decode()}", width, height)


def rendered(template: str, **values: object) -> str:
    """The text of a template of this package with these values, each of them escaped in HTML."""
    text = _template(template).render(values)
    return text.encode(errors="replace").decode()  # JSON may hold half of a character


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("probvae.report", "template"),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = _cell
    environment.globals |= {"box": BOX, "colours": COLOURS}
    return environment.get_template(name)


def _cell(text: str) -> str:
    """A text in a cell of a table in Markdown."""
    return " ".join(text.split()).replace("|", r"\|")

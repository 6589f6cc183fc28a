"""Links of pages to files outside docs/, as `../benchmarks/training.md`: the site gets a copy of each such file.

On a code hosting site these links lead to the files themselves. Here a copy is at `source/`, with the same path,
and the links of copied pages are followed too.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

COPIES = "source/"
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/ that are linked to, directly or by one of them."""
    root, docs = Path(config.config_file_path).parent, Path(config.docs_dir).name
    todo = list(files.documentation_pages())
    while todo:
        page = todo.pop()
        for link in LINK.findall(page.content_string):
            place = _place(page.src_uri, link, docs)
            if place not in files.src_uris and (root / place.removeprefix(COPIES)).is_file():
                path = str(root / place.removeprefix(COPIES))
                copy = File.generated(config, place, abs_src_path=path, inclusion=InclusionLevel.NOT_IN_NAV)
                files.append(copy)
                if copy.is_documentation_page():
                    todo.append(copy)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links to the copies."""
    place, docs = page.file.src_uri, Path(config.docs_dir).name
    return LINK.sub(
        lambda link: posixpath.relpath(_place(place, link[1], docs), posixpath.dirname(place) or "."), markdown
    )


def _place(page: str, link: str, docs: str) -> str:
    """Where the site has what a page links to.

    >>> _place("training.md", "../benchmarks/overhead.md", "docs")
    'source/benchmarks/overhead.md'
    >>> _place("source/benchmarks/overhead.md", "../docs/training.md", "docs")
    'training.md'
    >>> _place("training.md", "gallery/table.png", "docs")
    'gallery/table.png'
    """
    original = page.removeprefix(COPIES) if page.startswith(COPIES) else f"{docs}/{page}"
    target = posixpath.normpath(posixpath.join(posixpath.dirname(original), link))
    return target.removeprefix(f"{docs}/") if target.startswith(f"{docs}/") else COPIES + target

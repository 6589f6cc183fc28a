"""Write docs/tutorial.ipynb, whose cells are the blocks of docs/tutorial.md: `python tools/site/notebook.py`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
NOTEBOOK = PAGE.with_suffix(".ipynb")


def notebook(page: str) -> str:
    """The text of a notebook with the content of a page."""
    parts = re.split(r"^```python\n(.*?)^```\n", page, flags=re.M | re.S)
    cells = [_cell(f"cell-{n}", "code" if n % 2 else "markdown", part.strip()) for n, part in enumerate(parts)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    table = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def _cell(name: str, kind: str, text: str) -> dict[str, Any]:
    cell = {"id": name, "cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

"""Wrong data, and wrong uses of it, as a user meets them: `probvae train` says what is wrong and what helps.

Tables, images, arrays, sparse matrices, AnnData files and conditions in one place, each mistake once. The formats
have further cases of their own in `tests/data/`.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

SPEC = """\
schema = 1

[model]
latent_dim = 2
encoder = { network = { use = "dense", hidden = [4] } }
decoder = { network = { use = "dense", hidden = [4] }, likelihood = { use = "normal" } }
prior = { use = "standard_normal" }

[train]
epochs = 1
batch_size = 16

[data]
"""
CELLS = Path(__file__).parents[1] / "data" / "files" / "cells.h5ad"
RNG = np.random.default_rng(0)
ROWS = [f"p{row},{row % 7},{row * 0.5},{('Graz', 'Wien')[row % 2]},{row % 3}" for row in range(30)]
ON_TABLE = 'use = "table"\ntrain = "a.csv"\n'
ON_ARRAYS = 'use = "arrays"\ntrain = "a.npz"\n'
ON_CELLS = 'use = "anndata"\ntrain = "a.h5ad"\n'
ON_IMAGES = 'use = "images"\nfolder = "a"\nsize = [8, 8]\n'


class Case(NamedTuple):
    """A mistake, and how it is reported.

    Args:
        data: the lines of [data].
        says: what must occur in the message, in this order.
        make: writes the files.
        model: old and new text in the rest of the spec.
        status: of the program.
    """

    data: str
    says: tuple[str, ...]
    make: Callable[[], object]
    model: tuple[str, str] = ("", "")
    status: int = 2


def table(*changes, header="name,age,dose,town,group", rows=ROWS):
    """A writer of a.csv: rows by their numbers with other text."""

    def make():
        lines = dict(enumerate(rows)) | dict(changes)
        Path("a.csv").write_text("\n".join([header, *lines.values()]) + "\n")

    return make


def arrays(**named):
    return lambda: np.savez("a.npz", **named)


def sparse(**changed):
    place = np.arange(20)
    given = {"format": b"coo", "shape": (20, 20), "row": place, "col": place, "data": np.ones(20)}
    return arrays(**given | changed)


def images(name, content):
    def make():
        Path("a").mkdir()
        for number in range(12):
            Image.fromarray(np.full((9, 9), number, np.uint8)).save(f"a/{number}.png")
        Path(name).write_bytes(content)

    return make


def cells():
    shutil.copy(CELLS, "a.h5ad")


X = RNG.normal(size=(30, 4)).astype(np.float32)
COUNTS = RNG.poisson(2.0, (30, 4))
POISSON = ('use = "normal"', 'use = "poisson"')

CASES = {
    # Tables
    "no such file": Case(ON_TABLE, ("data.train: expected a table", "got no file", "a.csv"), lambda: None),
    "an empty file": Case(ON_TABLE, ("a.csv", "an empty file", "Write it again"), lambda: Path("a.csv").touch()),
    "a header without rows": Case(ON_TABLE, ("a table with rows", "a.csv with none"), table(rows=[])),
    "a feature that is no column": Case(
        ON_TABLE + 'features = ["agee", "dose"]',
        ("data.features: expected a column 'agee' in", "got name, age, dose, town, group. Did you mean 'age'?"),
        table(),
    ),
    "text in a column of numbers": Case(
        ON_TABLE + 'features = ["age", "dose"]',
        ("numbers in the column 'dose'", "got '12mg' in row 17 (the first is 0)", "Correct it"),
        table((17, "p17,3,12mg,Graz,1")),
    ),
    "one name for two columns": Case(
        ON_TABLE,
        ("columns of different names", "got age more than once. Rename one"),
        table(header="name,age,age,town,group"),
    ),
    "an empty column": Case(
        ON_TABLE,
        ("a column 'dose' with different values", "no value in any of them", "data.features"),
        table(rows=[f"p{row},{row},,Graz,1" for row in range(30)]),
    ),
    "a constant column": Case(
        ON_TABLE,
        ("a column 'group' with different values in the 24 training rows", "got 1 in all of them", "Leave it out"),
        table(rows=[f"p{row},{row},{row},Graz,1" for row in range(30)]),
    ),
    "a label that is no column": Case(
        ON_TABLE + 'label = "grup"', ("data.label: ", "Did you mean 'group'?", 'set data.label = ""'), table()
    ),
    "a row without an id": Case(
        ON_TABLE + 'id = "name"',
        ("data.id: expected an id in each row", "none in row 4"),
        table((4, ",1,2,Graz,1")),
    ),
    "a category that training does not have": Case(
        ON_TABLE + 'categories = ["town"]\ntest = "b.csv"',
        ("a category of 'town' that the training rows have (Graz, Wien)", "'Bonn' in row 2", "data.other = true"),
        lambda: (table((2, "p2,1,2,Bonn,1"))(), Path("a.csv").rename("b.csv"), table()()),
    ),
    # Conditions
    "a condition that is no column": Case(
        ON_TABLE + 'condition = ["twon"]', ("data.condition: expected a column 'twon'", "mean 'town'?"), table()
    ),
    "a condition with a gap": Case(
        ON_TABLE + 'condition = ["age"]',
        ("a value in each row of the column 'age'", "none in row 9", "a condition cannot be missing"),
        table((9, "p9,,1.0,Wien,0")),
    ),
    "a condition of what has no columns": Case(
        ON_ARRAYS + 'condition = ["age"]',
        ("spec.toml:", "data.condition", "'labels' or 'none'", "a list of columns", "'arrays' have no columns"),
        arrays(x=X),
    ),
    "a condition that no part takes": Case(
        ON_TABLE + 'condition = ["age"]',
        ("data.condition", "a part of the model that takes the data's condition, 1 column (age)", "or set"),
        table(),
        ("= [4] }", "= [4] }, condition = false"),
    ),
    "a condition without labels": Case(
        ON_ARRAYS + 'condition = "labels"',
        ("data with labels", "got none in train", "Leave condition out"),
        arrays(x=X),
    ),
    "a part that needs a condition": Case(
        ON_ARRAYS,
        ("a place where 'condition_dim' is known", "'conditional'", '[data] condition = "labels"'),
        arrays(x=X),
        ('"standard_normal"', '"conditional", network = { use = "dense" }'),
    ),
    # Arrays and sparse matrices
    "NaN in an array": Case(
        ON_ARRAYS,
        ("data.train: expected finite numbers", "NaN or infinity in example 3", "numpy.nan_to_num"),
        arrays(x=np.where(np.arange(30)[:, None] == 3, np.nan, X)),
    ),
    "examples of another size": Case(
        ON_ARRAYS,
        ("data.test: expected examples of shape [4], as in train", "got [3] in test"),
        arrays(x_train=X, x_test=X[:, :3]),
    ),
    "negative counts": Case(
        ON_ARRAYS,
        ("model.decoder.likelihood", "integers from 0 up", "integers from -1 to", "which takes all"),
        arrays(x=COUNTS - 1),
        model=POISSON,
    ),
    "counts that are standardised": Case(
        ON_TABLE, ("integers from 0 up", "numbers from", "data.standardise = false"), table(), model=POISSON
    ),
    "a sparse matrix of another shape": Case(
        ON_ARRAYS, ("a sparse matrix", "has values outside of a matrix [20, 9]"), sparse(shape=(20, 9))
    ),
    "half of a sparse matrix": Case(
        ON_ARRAYS, ("a sparse matrix", "has values outside of a matrix [20, 20]"), sparse(col=np.arange(10))
    ),
    # AnnData
    "no AnnData file": Case(
        ON_CELLS,
        ("an AnnData file (.h5ad)", "a.h5ad, which is text"),
        lambda: Path("a.h5ad").write_text("a,b\n1,2\n"),
    ),
    "a layer that is not there": Case(
        ON_CELLS + 'layer = "denser"',
        ("data.layer: expected a layer 'denser' in", "got columns, dense. Did you mean 'dense'? For X leave"),
        cells,
    ),
    "a column that obs does not have": Case(
        ON_CELLS + 'label = "kinds"',
        ("data.label: expected a column of obs 'kinds' in", "got age, alive, donor, kind", "Did you mean 'kind'?"),
        cells,
    ),
    # Images
    "a folder without images": Case(ON_IMAGES, ("a folder of images", "none of them"), lambda: Path("a").mkdir()),
    "an image that cannot be read": Case(
        ON_IMAGES,
        ("a/7.png: expected a PNG or JPEG image", "got a PNG image that is damaged", "Replace"),
        images("a/7.png", b"\x89PNG\r\n\x1a\n half"),
        status=1,
    ),
}


@pytest.mark.traced
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_program_says_what_is_wrong_and_what_helps(case, program, folder):
    if ON_TABLE in case.data or "label" in case.data:
        pytest.importorskip("pandas")
    case.make()
    (folder / "spec.toml").write_text(SPEC.replace(*case.model) + case.data + "\n")
    ended = program("train", "spec.toml", "--out", "run")
    assert ended.status == case.status, ended.text
    assert "Traceback" not in ended.text
    assert re.search(".*?".join(map(re.escape, case.says)), ended.err, re.DOTALL), ended.err
    assert not (folder / "run").exists()


def test_there_are_twenty_of_them():
    assert len(CASES) >= 20
    assert len({case.says for case in CASES.values()}) == len(CASES)

"""Makes tests/data/files/cells.h5ad, as anndata itself writes it: `python tools/make_cells.py`, with anndata 0.12.

The other tests write the same layout by h5py; this file is what it is compared with.
"""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

CELLS, GENES = 12, 5
counts = np.arange(CELLS * GENES).reshape(CELLS, GENES) % 7 % 3
obs = pd.DataFrame(
    {
        "kind": pd.Categorical(["B", "T", None] * 4),
        "donor": [f"d{row % 2}" for row in range(CELLS)],
        "age": np.arange(CELLS) / 2,
        "mice": pd.array([1, None, 3] * 4, dtype="Int64"),
        "alive": pd.array([True, False, None] * 4, dtype="boolean"),
        "note": pd.array(["a", None, "b"] * 4, dtype="string"),
    },
    index=[f"cell{row}" for row in range(CELLS)],
)
cells = anndata.AnnData(
    sparse.csr_matrix(counts.astype(np.float32)),
    obs,
    var=pd.DataFrame(index=[f"gene{column}" for column in range(GENES)]),
    layers={"columns": sparse.csc_matrix(counts), "dense": counts},
)
anndata.settings.allow_write_nullable_strings = True
cells.strings_to_categoricals = lambda *_: None  # so that text is stored as text too
cells.write_h5ad(Path(__file__).parents[1] / "tests" / "data" / "files" / "cells.h5ad")

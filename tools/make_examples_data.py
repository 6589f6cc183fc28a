"""Makes the files in examples/data: `python tools/make_examples_data.py`, with palmerpenguins, pandas and scipy.

penguins.csv is the raw table of palmerpenguins 0.1.6, some of its columns renamed. words.npz has the words that
occur in the documentation of SciPy 1.17.1: a sparse matrix of counts, a row for each documented function or class
of a subpackage, a column for each word; words_labels.npy has the subpackage of each row, words.txt the words.
"""

import importlib
import inspect
import re
from collections import Counter
from pathlib import Path

import numpy as np
from palmerpenguins import load_penguins_raw
from scipy import sparse

FOLDER = Path(__file__).parents[1] / "examples" / "data"
COLUMNS = {
    "Individual ID": "bird",
    "Species": "species",
    "Island": "island",
    "Sex": "sex",
    "Culmen Length (mm)": "bill_length_mm",
    "Culmen Depth (mm)": "bill_depth_mm",
    "Flipper Length (mm)": "flipper_length_mm",
    "Body Mass (g)": "body_mass_g",
    "Delta 15 N (o/oo)": "delta_15_n",
    "Delta 13 C (o/oo)": "delta_13_c",
}

SUBPACKAGES = (
    "fft",
    "integrate",
    "interpolate",
    "linalg",
    "ndimage",
    "optimize",
    "signal",
    "sparse",
    "special",
    "stats",
)
WORDS = 300
FEWEST, SHARE = 15, 0.5  # documents that a word is in at least, and the share of them that it is in at most
STOP = """
about above after all also and any are been before being below between both but can could does each either for
from had has have her here his how into its itself may more most must nor not now off only other otherwise our
out over own same see she should since some such than that the their them then there these they this those
through thus too under until use used uses using very was were what when where whether which while who why
will with within without would you your
"""


def penguins() -> None:
    """The raw table, with short names of its columns and of the species, and a unique id."""
    table = load_penguins_raw().rename(columns=COLUMNS)[[*COLUMNS.values()]]
    table["species"] = table["species"].str.split().str[0]
    table["sex"] = table["sex"].str.lower()
    table["bird"] = table["species"].str[0] + "-" + table["bird"]  # each study numbers its birds from 1
    table["bird"] += table.groupby("bird").cumcount().map(lambda again: "" if not again else f"-{again + 1}")
    table.to_csv(FOLDER / "penguins.csv", index=False)


def words() -> None:
    """Counts of the words in docstrings."""
    documents = {}
    for name in SUBPACKAGES:
        module = importlib.import_module(f"scipy.{name}")
        for public in sorted(module.__all__):
            text = inspect.getdoc(getattr(module, public, None)) if public.isidentifier() else None
            if text and not inspect.ismodule(getattr(module, public)):
                found = re.findall(r"[a-z]{3,}", text.lower())
                documents[name, public] = Counter(word for word in found if word not in STOP.split())
    frequency = Counter(word for counts in documents.values() for word in counts)
    suited = {word: n for word, n in frequency.items() if FEWEST <= n <= SHARE * len(documents)}
    vocabulary = sorted(sorted(suited, key=lambda word: (-suited[word], word))[:WORDS])
    table = np.array([[counts[word] for word in vocabulary] for counts in documents.values()], np.uint16)
    kept = table.sum(axis=1) >= 10
    np.save(FOLDER / "words_labels.npy", np.array([name for name, _ in documents], np.bytes_)[kept])
    sparse.save_npz(FOLDER / "words.npz", sparse.csr_array(table[kept]))
    (FOLDER / "words.txt").write_text("\n".join(vocabulary) + "\n")


penguins()
words()

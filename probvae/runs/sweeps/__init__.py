"""Sweeps: many trainings of one spec with different settings, in one folder.

`sweeping.py` does the whole: options become a `Definition` (`defining.py`), a `Source` of trials (`grid.py`,
`search.py`) gives one after another, `work.py` trains them, and `results.py` reads the results.
"""

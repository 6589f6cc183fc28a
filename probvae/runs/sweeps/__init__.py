"""Sweeps: many trainings of one spec with different settings, in one folder.

`sweeping.py` does the whole; a `Definition` says what to train, a `Source` hands out the trials, `work.py` trains
them, and `results.py` reads what came out.
"""

"""Programs that train one model, each in its own way; `benchmarks/training.py` lets them take turns.

Each gets a task (see `Task` in `training.py`) and trains the same model on the same images in the same batches. A
turn is a number of steps; the contestant says its seconds and the mean loss of the turn, in nats per image.
"""

"""How examples reach a model: in batches whose order and binarisation depend on the seed and the step only."""

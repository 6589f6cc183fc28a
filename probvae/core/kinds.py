"""The kinds of components, with the base class of each."""

from __future__ import annotations

from typing import Any

from probvae.core.data import Dataset
from probvae.core.metric import Metric
from probvae.core.network import Network
from probvae.core.objective import Objective
from probvae.core.parts import Classifier, Decoder, Encoder, LikelihoodHead, PosteriorHead, Prior

KINDS: dict[str, type[Any]] = {
    base.kind: base
    for base in (
        Encoder,
        Decoder,
        Prior,
        Classifier,
        Network,
        PosteriorHead,
        LikelihoodHead,
        Objective,
        Dataset,
        Metric,
    )
}
"""Kind -> the base class of its components, in the order of `registry.KINDS`."""

"""The kinds of components that a spec can name, and the class that those of each kind derive from."""

from __future__ import annotations

from typing import Any

from probvae.core.data import Dataset
from probvae.core.network import Network
from probvae.core.objective import Objective
from probvae.core.parts import Decoder, Encoder, LikelihoodHead, PosteriorHead, Prior

KINDS: dict[str, type[Any]] = {
    base.kind: base
    for base in (Encoder, Decoder, Prior, Network, PosteriorHead, LikelihoodHead, Objective, Dataset)
}
"""Kind -> the class that its components derive from."""

"""The built-in components, registered through the same hook as everyone else's."""

from __future__ import annotations

from collections.abc import Iterator

from probvae.registry import ComponentSpec, hookimpl

_BUILT_IN = {
    "encoder": {
        "dense": "probvae.components.encoders:DenseEncoder",
        "conv": "probvae.components.encoders:ConvEncoder",
        "resnet": "probvae.components.encoders:ResNetEncoder",
    },
    "decoder": {
        "dense": "probvae.components.decoders:DenseDecoder",
        "conv_transpose": "probvae.components.decoders:ConvTransposeDecoder",
        "resnet": "probvae.components.decoders:ResNetDecoder",
    },
    "posterior": {
        "diagonal_normal": "probvae.components.posteriors.normal:DiagonalNormal",
        "full_covariance_normal": "probvae.components.posteriors.normal:FullCovarianceNormal",
    },
    "likelihood": {
        "bernoulli": "probvae.components.likelihoods.bernoulli:Bernoulli",
        "continuous_bernoulli": "probvae.components.likelihoods.bernoulli:ContinuousBernoulli",
        "normal": "probvae.components.likelihoods.normal:Normal",
    },
    "prior": {
        "standard_normal": "probvae.components.priors.standard_normal:StandardNormal",
        "mixture": "probvae.components.priors.mixture:Mixture",
        "vamp": "probvae.components.priors.vamp:Vamp",
        "realnvp": "probvae.components.priors.flows:RealNVP",
        "maf": "probvae.components.priors.flows:MAF",
        "spline": "probvae.components.priors.flows:Spline",
    },
}


@hookimpl
def probvae_components() -> Iterator[ComponentSpec]:
    """Every built-in encoder, decoder, head and prior."""
    for kind, factories in _BUILT_IN.items():
        for name, factory in factories.items():
            yield ComponentSpec(kind, name, factory)

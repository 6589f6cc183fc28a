"""The built-in components. Importing this package imports no TensorFlow; each name loads on first use."""

from probvae._lazy import lazy

_WHERE = {
    "NetworkEncoder": "probvae.components.encoders",
    "DenseEncoder": "probvae.components.encoders",
    "ConvEncoder": "probvae.components.encoders",
    "ResNetEncoder": "probvae.components.encoders",
    "NetworkDecoder": "probvae.components.decoders",
    "DenseDecoder": "probvae.components.decoders",
    "ConvTransposeDecoder": "probvae.components.decoders",
    "ResNetDecoder": "probvae.components.decoders",
    "DiagonalNormal": "probvae.components.posteriors.normal",
    "FullCovarianceNormal": "probvae.components.posteriors.normal",
    "Bernoulli": "probvae.components.likelihoods.bernoulli",
    "ContinuousBernoulli": "probvae.components.likelihoods.bernoulli",
    "Normal": "probvae.components.likelihoods.normal",
    "StandardNormal": "probvae.components.priors.standard_normal",
    "Mixture": "probvae.components.priors.mixture",
    "Vamp": "probvae.components.priors.vamp",
    "RealNVP": "probvae.components.priors.flows",
    "MAF": "probvae.components.priors.flows",
    "Spline": "probvae.components.priors.flows",
}

__all__ = list(_WHERE)
__getattr__, __dir__ = lazy(__name__, _WHERE)

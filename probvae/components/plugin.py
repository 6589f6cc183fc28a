"""The built-in components, registered through the same hook as everyone else's."""

from __future__ import annotations

from probvae.registry import ComponentSpec, hookimpl

LIKELIHOODS = {
    "bernoulli": "bernoulli:Bernoulli",
    "continuous_bernoulli": "bernoulli:ContinuousBernoulli",
    "normal": "normal:Normal",
    "laplace": "laplace:Laplace",
    "student_t": "student_t:StudentT",
    "poisson": "poisson:Poisson",
    "negative_binomial": "negative_binomial:NegativeBinomial",
    "zero_inflated_negative_binomial": "zero_inflated_negative_binomial:ZeroInflatedNegativeBinomial",
    "beta_binomial": "beta_binomial:BetaBinomial",
    "categorical": "categorical:Categorical",
    "mixed": "mixed:Mixed",
    "discretised_logistic": "discretised_logistic:DiscretisedLogistic",
    "discretised_logistic_mixture": "discretised_logistic_mixture:DiscretisedLogisticMixture",
}
"""Name -> module and class in `probvae.components.likelihoods`."""

METRICS = {
    "accuracy": "accuracy:Accuracy",
    "rate_distortion": "rate_distortion:RateDistortion",
    "active_units": "active_units:ActiveUnits",
    "mutual_information": "mutual_information:MutualInformation",
    "probe": "probe:Probe",
    "precision_recall": "precision_recall:PrecisionRecall",
    "annealed_importance": "annealed_importance:AnnealedImportance",
}
"""Name -> module and class in `probvae.components.metrics`."""

BUILT_IN = [
    ComponentSpec("encoder", "network", "probvae.components.encoders:NetworkEncoder"),
    ComponentSpec("decoder", "network", "probvae.components.decoders:NetworkDecoder"),
    ComponentSpec("classifier", "network", "probvae.components.classifiers:NetworkClassifier"),
    ComponentSpec("network", "dense", "probvae.components.networks.dense:Dense"),
    ComponentSpec("network", "conv", "probvae.components.networks.conv:Conv"),
    ComponentSpec("network", "conv_transpose", "probvae.components.networks.conv:ConvTranspose"),
    ComponentSpec("network", "resnet", "probvae.components.networks.resnet:ResNet"),
    ComponentSpec("network", "parallel", "probvae.components.networks.parallel:Parallel"),
    ComponentSpec("posterior", "diagonal_normal", "probvae.components.posteriors.normal:DiagonalNormal"),
    ComponentSpec(
        "posterior", "full_covariance_normal", "probvae.components.posteriors.normal:FullCovarianceNormal"
    ),
    ComponentSpec("posterior", "hierarchical", "probvae.components.posteriors.hierarchical:HierarchicalPosterior"),
    ComponentSpec("posterior", "laplace", "probvae.components.posteriors.laplace:LaplacePosterior"),
    ComponentSpec("posterior", "mixture", "probvae.components.posteriors.mixture:MixturePosterior"),
    ComponentSpec("posterior", "flow", "probvae.components.posteriors.flow:FlowPosterior"),
    ComponentSpec("posterior", "concrete", "probvae.components.posteriors.concrete:ConcretePosterior"),
    *(
        ComponentSpec("likelihood", name, f"probvae.components.likelihoods.{target}")
        for name, target in LIKELIHOODS.items()
    ),
    ComponentSpec("prior", "standard_normal", "probvae.components.priors.standard_normal:StandardNormal"),
    ComponentSpec("prior", "laplace", "probvae.components.priors.laplace:LaplacePrior"),
    ComponentSpec("prior", "concrete", "probvae.components.priors.concrete:ConcretePrior"),
    ComponentSpec("prior", "mixture", "probvae.components.priors.mixture:Mixture"),
    ComponentSpec("prior", "vamp", "probvae.components.priors.vamp:Vamp"),
    ComponentSpec("prior", "exemplar", "probvae.components.priors.exemplar:Exemplar"),
    ComponentSpec("prior", "conditional", "probvae.components.priors.conditional:Conditional"),
    ComponentSpec("prior", "hierarchical", "probvae.components.priors.hierarchical:HierarchicalPrior"),
    ComponentSpec("prior", "realnvp", "probvae.components.priors.flows:RealNVP"),
    ComponentSpec("prior", "maf", "probvae.components.priors.flows:MAF"),
    ComponentSpec("prior", "autoregressive", "probvae.components.priors.flows:IAF"),
    ComponentSpec("prior", "spline", "probvae.components.priors.flows:Spline"),
    *(ComponentSpec("metric", name, f"probvae.components.metrics.{target}") for name, target in METRICS.items()),
]


@hookimpl
def probvae_components() -> list[ComponentSpec]:
    """The encoders, decoders, classifiers, networks, heads, priors and metrics of this package."""
    return BUILT_IN

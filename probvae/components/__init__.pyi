"""Written by tools/stubs.py."""

from probvae.components.classifiers import NetworkClassifier as NetworkClassifier
from probvae.components.decoders import NetworkDecoder as NetworkDecoder
from probvae.components.encoders import NetworkEncoder as NetworkEncoder
from probvae.components.likelihoods.bernoulli import Bernoulli as Bernoulli
from probvae.components.likelihoods.bernoulli import ContinuousBernoulli as ContinuousBernoulli
from probvae.components.likelihoods.beta_binomial import BetaBinomial as BetaBinomial
from probvae.components.likelihoods.categorical import Categorical as Categorical
from probvae.components.likelihoods.discretised_logistic import DiscretisedLogistic as DiscretisedLogistic
from probvae.components.likelihoods.discretised_logistic_mixture import (
    DiscretisedLogisticMixture as DiscretisedLogisticMixture,
)
from probvae.components.likelihoods.laplace import Laplace as Laplace
from probvae.components.likelihoods.mixed import Mixed as Mixed
from probvae.components.likelihoods.negative_binomial import NegativeBinomial as NegativeBinomial
from probvae.components.likelihoods.normal import Normal as Normal
from probvae.components.likelihoods.poisson import Poisson as Poisson
from probvae.components.likelihoods.student_t import StudentT as StudentT
from probvae.components.likelihoods.zero_inflated_negative_binomial import (
    ZeroInflatedNegativeBinomial as ZeroInflatedNegativeBinomial,
)
from probvae.components.metrics.accuracy import Accuracy as Accuracy
from probvae.components.metrics.active_units import ActiveUnits as ActiveUnits
from probvae.components.metrics.annealed_importance import AnnealedImportance as AnnealedImportance
from probvae.components.metrics.mutual_information import MutualInformation as MutualInformation
from probvae.components.metrics.precision_recall import PrecisionRecall as PrecisionRecall
from probvae.components.metrics.probe import Probe as Probe
from probvae.components.metrics.rate_distortion import RateDistortion as RateDistortion
from probvae.components.networks.conv import Conv as Conv
from probvae.components.networks.conv import ConvTranspose as ConvTranspose
from probvae.components.networks.dense import Dense as Dense
from probvae.components.networks.parallel import Parallel as Parallel
from probvae.components.networks.resnet import ResNet as ResNet
from probvae.components.posteriors.concrete import ConcretePosterior as ConcretePosterior
from probvae.components.posteriors.flow import FlowPosterior as FlowPosterior
from probvae.components.posteriors.hierarchical import HierarchicalPosterior as HierarchicalPosterior
from probvae.components.posteriors.laplace import LaplacePosterior as LaplacePosterior
from probvae.components.posteriors.mixture import MixturePosterior as MixturePosterior
from probvae.components.posteriors.normal import DiagonalNormal as DiagonalNormal
from probvae.components.posteriors.normal import FullCovarianceNormal as FullCovarianceNormal
from probvae.components.priors.concrete import ConcretePrior as ConcretePrior
from probvae.components.priors.conditional import Conditional as Conditional
from probvae.components.priors.exemplar import Exemplar as Exemplar
from probvae.components.priors.flows import IAF as IAF
from probvae.components.priors.flows import MAF as MAF
from probvae.components.priors.flows import RealNVP as RealNVP
from probvae.components.priors.flows import Spline as Spline
from probvae.components.priors.hierarchical import HierarchicalPrior as HierarchicalPrior
from probvae.components.priors.laplace import LaplacePrior as LaplacePrior
from probvae.components.priors.mixture import Mixture as Mixture
from probvae.components.priors.standard_normal import StandardNormal as StandardNormal
from probvae.components.priors.vamp import Vamp as Vamp

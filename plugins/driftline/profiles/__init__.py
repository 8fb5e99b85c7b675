"""Binnings and profiles: columns counted into fixed cells, so that profiles add up."""

from driftline.profiles.binning import (
    Binning,
    CategoricalBinning,
    NumericBinning,
    latency_binning,
    pooled_binning,
)
from driftline.profiles.categorical import CategoricalProfile
from driftline.profiles.moments import Moments
from driftline.profiles.multiclass import MulticlassOutcomeProfile
from driftline.profiles.numeric import NumericProfile
from driftline.profiles.outcomes import BinaryOutcomeProfile, RegressionOutcomeProfile
from driftline.profiles.profile import Profile, merge

__all__ = [
    "BinaryOutcomeProfile",
    "Binning",
    "CategoricalBinning",
    "CategoricalProfile",
    "Moments",
    "MulticlassOutcomeProfile",
    "NumericBinning",
    "NumericProfile",
    "Profile",
    "RegressionOutcomeProfile",
    "latency_binning",
    "merge",
    "pooled_binning",
]

"""A/B tests between the versions of a model: what is counted, how it is judged, who gets which version. Pure.

What is imported here is light, so that files can be validated fast; the statistics are in the modules.
"""

from driftline.experiments.design import ExperimentDesign, MeasuredMetric, Method
from driftline.experiments.metric import MetricKind, MetricRole, StandardMetric
from driftline.experiments.stages import Stage, stages_of
from driftline.experiments.verdict import Ruling, Verdict

__all__ = [
    "ExperimentDesign",
    "MeasuredMetric",
    "Method",
    "MetricKind",
    "MetricRole",
    "Ruling",
    "Stage",
    "StandardMetric",
    "Verdict",
    "stages_of",
]

"""Drift: has the distribution of a feature moved, beyond chance and by enough to matter?"""

from driftline.drift.as_findings import findings_of
from driftline.drift.calibrate import build_calibration
from driftline.drift.calibration import Calibration
from driftline.drift.cell_tests import (
    ChiSquareTest,
    HellingerDistance,
    JensenShannonDivergence,
    PopulationStabilityIndex,
    TotalVariation,
)
from driftline.drift.detector import DriftDetector
from driftline.drift.multivariate import check_multivariate
from driftline.drift.multivariate_calibration import MultivariateCalibration
from driftline.drift.multivariate_learning import learn_multivariate
from driftline.drift.multivariate_tests import CorrelationTest, DomainClassifierTest, ReconstructionTest, ScoreTest
from driftline.drift.rank_tests import CramerVonMises, KolmogorovSmirnovTest, WassersteinDistance
from driftline.drift.report import ReportFormat
from driftline.drift.result import DriftResult, DriftSeverity, DriftStatus
from driftline.drift.share_tests import NewLevelTest, NullShareTest
from driftline.drift.spread_test import SpreadTest
from driftline.drift.thresholds import DriftThresholds
from driftline.drift.verdict import DriftVerdict

__all__ = [
    "Calibration",
    "ChiSquareTest",
    "CorrelationTest",
    "CramerVonMises",
    "DomainClassifierTest",
    "DriftDetector",
    "DriftResult",
    "DriftSeverity",
    "DriftStatus",
    "DriftThresholds",
    "DriftVerdict",
    "HellingerDistance",
    "JensenShannonDivergence",
    "KolmogorovSmirnovTest",
    "MultivariateCalibration",
    "NewLevelTest",
    "NullShareTest",
    "PopulationStabilityIndex",
    "ReconstructionTest",
    "ReportFormat",
    "ScoreTest",
    "SpreadTest",
    "TotalVariation",
    "WassersteinDistance",
    "build_calibration",
    "check_multivariate",
    "findings_of",
    "learn_multivariate",
]

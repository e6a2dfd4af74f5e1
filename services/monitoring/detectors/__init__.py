"""Risks in what was decided or did not come: one file a kind, and the list of them."""

from __future__ import annotations

from services.monitoring.detectors.base import Detector
from services.monitoring.detectors.exceedance import ExceedanceDetector
from services.monitoring.detectors.fault import FaultDetector
from services.monitoring.detectors.nearing import NearingDetector
from services.monitoring.detectors.period_stamp import PeriodStampDetector

DETECTORS: tuple[Detector, ...] = (ExceedanceDetector(), NearingDetector(), FaultDetector(), PeriodStampDetector())

"""Image + Proposals -> Detections."""

from detect.detector.pipeline import Detector

__all__ = ["Detector"]

"""Image + Proposals -> Detections."""

from detect.detector.pipeline import Detector, shared_classes

__all__ = ["Detector", "shared_classes"]

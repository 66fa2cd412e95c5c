"""Image + Proposals -> Detections."""

from detect.detector.pipeline import RegionScorer

__all__ = ["RegionScorer"]

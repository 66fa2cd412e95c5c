"""Files that travel between stages: proposals (Parquet) and detections (COCO results)."""

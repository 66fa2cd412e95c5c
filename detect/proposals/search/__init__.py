"""Selective Search of our own grouping: OpenCV's boxes, in a fraction of its time."""

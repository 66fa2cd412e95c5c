"""Recipes that train in a second."""

# Of a region classifier; positives from IoU 0.3, since the regions of small sets are few.
TINY_REGION_CLASSIFIER = """[model]
input_size = 32
width = 0.25
[sampling]
batch_size = 8
foreground_iou = 0.3
background_iou = [0.0, 0.3]
[optimizer]
steps = 2
[run]
precision = "float32"
"""

TINY_MULTIBOX = """batch_size = 2
[model]
input_size = 32
width = 0.25
[priors]
count = 3
[optimizer]
steps = 1
[run]
precision = "float32"
"""

TINY_SHARED = """batch_size = 2
[model]
input_size = 96
input_height = 64
width = 0.25
[priors]
shapes = 2
levels = 1
[sampling]
regions = 8
[optimizer]
steps = 1
[run]
precision = "float32"
"""

TINY_PRETRAIN = TINY_MULTIBOX.replace("[priors]\ncount = 3\n", "")

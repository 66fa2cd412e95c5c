"""What a report is made of: the record of a run, an ensemble's curve, a classification."""

CONFIG = """
split = "test"
models = ["a", "b"]
nms = 0.3
[proposals]
method = "selective-search"
[proposals.parameters]
ks = [50, 100]
"""
CURVE = {
    "protocol": "voc2012",
    "iou": 0.5,
    "names": {"0": "a", "2": "c"},
    "map": 0.5,
    "sizes": [
        {"networks": 1, "subsets": 2, "of": 2, "mean": 0.4, "min": 0.38, "max": 0.42},
        {"networks": 2, "subsets": 1, "of": 1, "mean": 0.5, "min": 0.5, "max": 0.5},
    ],
    "alone": [{"network": 0, "map": 0.38}, {"network": 2, "map": 0.42}],
    "leave_one_out": [
        {"without": 0, "map": 0.42, "loss": 0.08},
        {"without": 2, "map": 0.38, "loss": 0.12},
    ],
}
TABLE = {"images": 9, "table": [{"models": 1, "crops": 10, "cost": 10, "top5_error": 0.1234}]}

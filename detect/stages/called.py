"""The stages as Python calls them: with their options, or with keyword arguments (calling.py)."""

from detect.stages.calling import by_keywords
from detect.stages.classify import classify as _classify
from detect.stages.ensemble import ensemble as _ensemble
from detect.stages.evaluate import evaluate as _evaluate
from detect.stages.export_boxes import export_boxes as _export_boxes
from detect.stages.import_boxes import import_boxes as _import_boxes
from detect.stages.plan import plan as _plan
from detect.stages.pretrain import pretrain as _pretrain
from detect.stages.propose import propose as _propose
from detect.stages.recall import recall as _recall
from detect.stages.refine import refine as _refine
from detect.stages.report import report as _report
from detect.stages.run import run as _run
from detect.stages.split import split as _split
from detect.stages.train_classifier import train_classifier as _train_classifier
from detect.stages.train_multibox import train_multibox as _train_multibox
from detect.stages.train_regression import train_regression as _train_regression
from detect.stages.train_svm import train_svm as _train_svm
from detect.stages.visualize import visualize as _visualize

classify = by_keywords(_classify)
ensemble = by_keywords(_ensemble)
evaluate = by_keywords(_evaluate)
export_boxes = by_keywords(_export_boxes)
import_boxes = by_keywords(_import_boxes)
plan = by_keywords(_plan)
pretrain = by_keywords(_pretrain)
propose = by_keywords(_propose)
recall = by_keywords(_recall)
refine = by_keywords(_refine)
report = by_keywords(_report)
run = by_keywords(_run)
split = by_keywords(_split)
train_classifier = by_keywords(_train_classifier)
train_multibox = by_keywords(_train_multibox)
train_regression = by_keywords(_train_regression)
train_svm = by_keywords(_train_svm)
visualize = by_keywords(_visualize)

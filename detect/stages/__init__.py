"""What each command does, as a function: options in, a typed result out; no printing, no click."""

from detect.doctor import DoctorResult, doctor
from detect.stages.archive import ArchiveOptions, ArchiveResult, archive
from detect.stages.check import CheckOptions, CheckResult, check
from detect.stages.classify import ClassifyOptions, ClassifyResult, classify
from detect.stages.ensemble import EnsembleOptions, EnsembleResult, ensemble
from detect.stages.evaluate import EvaluateOptions, EvaluateResult, evaluate
from detect.stages.explain import ExplainOptions, ExplainResult, explain
from detect.stages.export_boxes import ExportOptions, ExportResult, export_boxes
from detect.stages.import_boxes import ImportOptions, ImportResult, import_boxes
from detect.stages.plan import PlanOptions, PlanResult, plan
from detect.stages.pretrain import PretrainOptions, PretrainResult, pretrain
from detect.stages.propose import ProposeOptions, ProposeResult, propose
from detect.stages.recall import RecallOptions, RecallResult, recall
from detect.stages.refine import RefineOptions, RefineResult, refine
from detect.stages.report import ReportOptions, ReportResult, report
from detect.stages.run import RunOptions, RunResult, run
from detect.stages.split import SplitOptions, SplitResult, split
from detect.stages.train import TrainOptions, TrainResult, train
from detect.stages.train_classifier import (
    TrainClassifierOptions,
    TrainClassifierResult,
    TrainedNetwork,
    train_classifier,
)
from detect.stages.train_multibox import (
    TrainMultiboxOptions,
    TrainMultiboxResult,
    train_multibox,
)
from detect.stages.train_regression import (
    TrainRegressionOptions,
    TrainRegressionResult,
    train_regression,
)
from detect.stages.train_shared import TrainSharedOptions, TrainSharedResult, train_shared
from detect.stages.train_svm import TrainSvmOptions, TrainSvmResult, train_svm
from detect.stages.visualize import VisualizeOptions, VisualizeResult, visualize

__all__ = [
    "ArchiveOptions",
    "ArchiveResult",
    "CheckOptions",
    "CheckResult",
    "ClassifyOptions",
    "ClassifyResult",
    "DoctorResult",
    "EnsembleOptions",
    "EnsembleResult",
    "EvaluateOptions",
    "EvaluateResult",
    "ExplainOptions",
    "ExplainResult",
    "ExportOptions",
    "ExportResult",
    "ImportOptions",
    "ImportResult",
    "PlanOptions",
    "PlanResult",
    "PretrainOptions",
    "PretrainResult",
    "ProposeOptions",
    "ProposeResult",
    "RecallOptions",
    "RecallResult",
    "RefineOptions",
    "RefineResult",
    "ReportOptions",
    "ReportResult",
    "RunOptions",
    "RunResult",
    "SplitOptions",
    "SplitResult",
    "TrainClassifierOptions",
    "TrainClassifierResult",
    "TrainMultiboxOptions",
    "TrainMultiboxResult",
    "TrainOptions",
    "TrainRegressionOptions",
    "TrainRegressionResult",
    "TrainResult",
    "TrainSharedOptions",
    "TrainSharedResult",
    "TrainSvmOptions",
    "TrainSvmResult",
    "TrainedNetwork",
    "VisualizeOptions",
    "VisualizeResult",
    "archive",
    "check",
    "classify",
    "doctor",
    "ensemble",
    "evaluate",
    "explain",
    "export_boxes",
    "import_boxes",
    "plan",
    "pretrain",
    "propose",
    "recall",
    "refine",
    "report",
    "run",
    "split",
    "train",
    "train_classifier",
    "train_multibox",
    "train_regression",
    "train_shared",
    "train_svm",
    "visualize",
]

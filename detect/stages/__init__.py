"""What each command does, as a function: options in, a typed result out; no printing, no click."""

from detect.doctor import DoctorResult, doctor
from detect.stages.called import (
    classify,
    ensemble,
    evaluate,
    export_boxes,
    import_boxes,
    plan,
    pretrain,
    propose,
    recall,
    refine,
    report,
    run,
    split,
    train_classifier,
    train_multibox,
    train_regression,
    train_svm,
    visualize,
)
from detect.stages.classify import ClassifyOptions, ClassifyResult
from detect.stages.ensemble import EnsembleOptions, EnsembleResult
from detect.stages.evaluate import EvaluateOptions, EvaluateResult
from detect.stages.export_boxes import ExportOptions, ExportResult
from detect.stages.import_boxes import ImportOptions, ImportResult
from detect.stages.plan import PlanOptions, PlanResult
from detect.stages.pretrain import PretrainOptions, PretrainResult
from detect.stages.propose import ProposeOptions, ProposeResult
from detect.stages.recall import RecallOptions, RecallResult
from detect.stages.refine import RefineOptions, RefineResult
from detect.stages.report import ReportOptions, ReportResult
from detect.stages.run import RunOptions, RunResult
from detect.stages.split import SplitOptions, SplitResult
from detect.stages.train_classifier import (
    TrainClassifierOptions,
    TrainClassifierResult,
    TrainedNetwork,
)
from detect.stages.train_multibox import TrainMultiboxOptions, TrainMultiboxResult
from detect.stages.train_regression import TrainRegressionOptions, TrainRegressionResult
from detect.stages.train_svm import TrainSvmOptions, TrainSvmResult
from detect.stages.visualize import VisualizeOptions, VisualizeResult

__all__ = [
    "ClassifyOptions",
    "ClassifyResult",
    "DoctorResult",
    "EnsembleOptions",
    "EnsembleResult",
    "EvaluateOptions",
    "EvaluateResult",
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
    "TrainRegressionOptions",
    "TrainRegressionResult",
    "TrainSvmOptions",
    "TrainSvmResult",
    "TrainedNetwork",
    "VisualizeOptions",
    "VisualizeResult",
    "classify",
    "doctor",
    "ensemble",
    "evaluate",
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
    "train_classifier",
    "train_multibox",
    "train_regression",
    "train_svm",
    "visualize",
]

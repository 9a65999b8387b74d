"""Which functions of a package are not proved, and why. Every other one must be."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from derive.verification.source import Source

_LOOP = "decides which steps to take; each step is a function that is proved"
_STATIONARY = "looks whether the slope is small, to say if a run converged; no step rests on it"
_DRAW = "draws or cuts sample numbers; no mathematics of the network"
_KEEPS = "keeps what is shown of a run, and says whether it is to stop"
_MU = "decides the damping; the step is proved for any"
_ADDS = "adds up what chunks of samples cost; each cost is proved"
_SAYS = "hands on what was computed elsewhere"
_CHUNKS = "goes through chunks of samples; the products of a chunk are proved"
_ITERATES = "iterates with functions that are proved; how far the step is solved is seen from its residual"
_CHECK = "compares numbers to check the package; nothing rests on it"

_DAMPING = (
    *("Steps.trial", "Steps.slope", "Damping.__init__", "Damping.step", "Damping.accepted"),
    *(
        "Damping.rejected",
        "Damping.spent",
        "Damping.state",
        "Nielsen.accepted",
        "Nielsen.rejected",
        "TrustRegion.step",
    ),
    *("TrustRegion.accepted", "TrustRegion.rejected", "TrustRegion._solved", "TrustRegion._measured"),
)
_FORMS = (("normal_step.py", "NormalStep"), ("gram_step.py", "GramStep"), ("matrix_free.py", "KrylovStep"))

UNPROVED: Mapping[tuple[str, str], str] = {
    ("__main__.py", "relative"): _CHECK,
    ("__main__.py", "main"): _CHECK,
    ("parameters.py", "pack"): "copies blocks that a person gives into the views of unpack, which is proved",
    ("parameters.py", "initial_parameters"): "draws a random start",
    ("train.py", "gradient_descent"): _LOOP,
    ("train.py", "sgd"): _LOOP,
    ("train.py", "_Recorder.__init__"): _KEEPS,
    ("train.py", "_Recorder.record"): _KEEPS,
    ("levenberg_marquardt.py", "levenberg_marquardt"): _LOOP,
    ("levenberg_marquardt.py", "Search.__init__"): _LOOP,
    ("levenberg_marquardt.py", "Search.downhill"): _LOOP,
    ("levenberg_marquardt.py", "Search.correct"): _LOOP,
    ("levenberg_marquardt.py", "stop"): _KEEPS,
    ("levenberg_marquardt.py", "float_type"): "refuses another dtype",
    ("levenberg_marquardt.py", "in_dtype"): "refuses numbers that a dtype does not hold",
    ("mini_batches.py", "levenberg_marquardt_batches"): _LOOP,
    ("mini_batches.py", "Batch.__init__"): "allocates buffers of a loop",
    ("mini_batches.py", "Batch.gather"): "gathers the rows of a batch; the step that it takes is proved",
    **{("damping.py", name): _MU for name in _DAMPING},
    ("history.py", "Validation.__init__"): "checks samples and allocates",
    **{("history.py", f"Validation.{name}"): _KEEPS for name in ("look", "compare", "state")},
    **{("history.py", name): "keeps and reads back the numbers of a run" for name in ("saved", "restored")},
    ("fit.py", "Objective.__init__"): "makes workspaces, and says what the scale of the cost is",
    **{("fit.py", f"Objective.{name}"): _ADDS for name in ("cost", "share", "chunks", "_part", "residual")},
    ("fit.py", "Fit.__init__"): "makes workspaces, and says what is rounding",
    **{("fit.py", f"Fit.{name}"): _SAYS for name in ("stand", "_weigh", "scales", "rounding")},
    **{("fit.py", f"Fit.{name}"): _STATIONARY for name in ("influence", "stationary")},
    ("fit.py", "Fit.regularise"): "sets the ridge; the step is proved for any",
    **{(file, f"{form}.columns"): _STATIONARY for file, form in _FORMS},
    ("matrix_free.py", "KrylovStep.effective_parameters"): "refuses, for there is no matrix",
    **{(file, f"{form}.strong_damping"): _STATIONARY for file, form in _FORMS},
    ("fit.py", "as_weights"): "refuses weights that make no sense",
    ("train.py", "TrainingResult.x"): _SAYS,
    ("train.py", "TrainingResult.success"): _SAYS,
    ("train.py", "TrainingResult.message"): _SAYS,
    ("train.py", "_Batches.__init__"): "allocates buffers of a loop",
    ("train.py", "_Batches.descend"): "gathers the rows of a batch; the step that it takes is proved",
    ("train.py", "_Batches._in_scalars"): "gathers samples as floats; the steps that it takes are proved",
    ("train.py", "_draw_rows"): _DRAW,
    ("train.py", "_draw"): _DRAW,
    ("train.py", "_chunks"): _DRAW,
    ("train.py", "_given"): _DRAW,
    ("train.py", "_check"): "refuses settings that make no sense",
    ("threads.py", "blas_threads"): "sets how many threads the BLAS may use",
    ("hessian.py", "hessian"): "calls the product, which is proved, for each column",
    ("parameters.py", "check_count"): "refuses a bad number of samples",
    ("parameters.py", "_worded"): "writes a shape for a message",
    ("normal_step.py", "NormalStep.__init__"): "divides the samples into chunks and allocates",
    ("normal_step.py", "NormalStep.at"): "adds up chunks of samples; the sums of a chunk are proved",
    ("scaling.py", "check_scaling"): "refuses a scaling that is not known",
    ("scaling.py", "Scaling.__init__"): "allocates; before the first point no column has a square",
    ("scaling.py", "LayerScales.__init__"): "allocates; before the first point no layer has a square",
    ("scaling.py", "LayerScales.grow"): (
        "hands numbers to `scales`, which is proved, and back; a step is proved for any scales"
    ),
    ("layers.py", "LayerSquares.largest"): _SAYS,
    ("acceleration.py", "Acceleration.__init__"): "divides the samples into chunks and allocates",
    (
        "acceleration.py",
        "Acceleration.correction",
    ): "chooses by the form, and measures c beside h; both are proved",
    ("acceleration.py", "Acceleration.bending"): "takes chunk by chunk what is proved of a chunk",
    ("acceleration.py", "Acceleration.pulled"): "adds up chunks of samples; what each gives is proved",
    ("damped.py", "damped_step"): "chooses a form by the sizes; both are proved",
    ("matrix_free.py", "KrylovStep.__init__"): "divides the samples into chunks and allocates",
    ("matrix_free.py", "KrylovStep.at"): _CHUNKS,
    ("matrix_free.py", "KrylovStep.image"): _CHUNKS,
    ("matrix_free.py", "KrylovStep.transposed"): _CHUNKS,
    ("matrix_free.py", "KrylovStep.slope"): _ITERATES,
    ("matrix_free.py", "KrylovStep.trial"): _ITERATES,
    ("matrix_free.py", "KrylovStep.begin"): _ITERATES,
    ("lm_step.py", "_prepare"): "checks mu; proved where a step calls it",
    ("curved_step.py", "_prepare"): "checks mu; proved where a step calls it",
    ("model.py", "check_factors"): "refuses factors that do not fit the samples",
}


def functions(source: Source) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield every function and method of a file by its qualified name."""
    for name, node in source.definitions.items():
        if isinstance(node, ast.FunctionDef):
            yield name, node
        else:
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    yield f"{name}.{member.name}", member

"""Which functions of a package are not proved, and why. Whatever else calls NumPy must be."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from derive.verification.source import Source

_LOOP = "decides which steps to take; each step is a function that is proved"
_TOLD = "keeps or tells what is known of a run, and says whether it is to stop"
_RULE = "decides which damping is tried next; every one gives a step that is proved"
_STATIONARY = "looks whether the slope is small, to say if a run converged; no step rests on it"
_DRAW = "draws or cuts sample numbers; no mathematics of the network"
_CHECK = "compares numbers to check the package; nothing rests on it"

UNPROVED: Mapping[tuple[str, str], str] = {
    ("__main__.py", "relative"): _CHECK,
    ("__main__.py", "main"): _CHECK,
    ("parameters.py", "pack"): "copies blocks that a person gives into the views of unpack, which is proved",
    ("parameters.py", "initial_parameters"): "draws a random start",
    ("train.py", "gradient_descent"): _LOOP,
    ("train.py", "sgd"): _LOOP,
    ("levenberg_marquardt.py", "levenberg_marquardt"): _LOOP,
    ("train.py", "TrainingResult.x"): _TOLD,
    ("train.py", "TrainingResult.success"): _TOLD,
    ("train.py", "TrainingResult.message"): _TOLD,
    ("levenberg_marquardt.py", "_Damping.__init__"): _RULE,
    ("levenberg_marquardt.py", "_Damping.accepted"): _RULE,
    ("levenberg_marquardt.py", "_Damping.rejected"): _RULE,
    ("levenberg_marquardt.py", "_Fit.cost"): "asks a workspace that is proved",
    ("levenberg_marquardt.py", "_Validation.look"): _TOLD,
    ("levenberg_marquardt.py", "_stop"): _TOLD,
    ("levenberg_marquardt.py", "_Fit.__init__"): "makes workspaces, and says what is rounding",
    ("levenberg_marquardt.py", "_Fit.measure"): "divides one squared norm by a cost that is proved",
    ("levenberg_marquardt.py", "_Fit.gradient_norm"): "takes the norm of the gradient, which is proved",
    ("levenberg_marquardt.py", "_Fit.influence"): _STATIONARY,
    ("levenberg_marquardt.py", "_Fit.stationary"): _STATIONARY,
    ("levenberg_marquardt.py", "_Validation.__init__"): "checks samples and allocates",
    ("levenberg_marquardt.py", "_float_type"): "refuses another dtype",
    ("levenberg_marquardt.py", "_resumed"): "reads back the numbers of a run",
    ("train.py", "_Batches.__init__"): "allocates buffers of a loop",
    ("train.py", "_Batches.descend"): "gathers the rows of a batch; the step that it takes is proved",
    ("train.py", "_draw_rows"): _DRAW,
    ("train.py", "_draw"): _DRAW,
    ("train.py", "_chunks"): _DRAW,
    ("train.py", "_given"): _DRAW,
    ("train.py", "_check"): "refuses settings that make no sense",
    ("hessian.py", "hessian"): "calls the product, which is proved, for each column",
    ("parameters.py", "check_count"): "refuses a bad number of samples",
    ("normal_step.py", "NormalStep.__init__"): "divides the samples into chunks and allocates",
    ("normal_step.py", "NormalStep.at"): "adds up chunks of samples; the sums of a chunk are proved",
    ("damped.py", "damped_step"): "chooses a form by the sizes; both are proved",
    ("lm_step.py", "_prepare"): "checks mu; proved where a step calls it",
    ("curved_step.py", "_prepare"): "checks mu; proved where a step calls it",
    ("curved_step.py", "move"): "takes the step of solve, which is proved, and says if it is finite",
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


def computes(node: ast.FunctionDef, source: Source) -> bool:
    """Say whether a function uses NumPy or ``math`` in its body, or multiplies matrices."""
    mathematical = {
        name
        for name, (module, _) in source.imports.items()
        if module in ("numpy", "math") and name != "isfinite"
    }
    for statement in node.body:
        for part in ast.walk(statement):
            if isinstance(part, ast.Name) and part.id in mathematical:
                return True
            if isinstance(part, ast.MatMult):
                return True
    return False

"""Every theorem of the project beside Lemma 1, by name."""

from __future__ import annotations

from derive.architecture import Architecture
from derive.costs import SOFTMAX
from derive.network import Network
from derive.theorems.acceleration import acceleration
from derive.theorems.convex import convex_step
from derive.theorems.cost import cost
from derive.theorems.curved import of_squares
from derive.theorems.curved_trials import curved_trials
from derive.theorems.damping import levenberg_marquardt
from derive.theorems.descent import steepest_descent
from derive.theorems.evidence import evidence
from derive.theorems.further import further_theorems
from derive.theorems.gram import gram
from derive.theorems.layer_scaling import layer_scaling
from derive.theorems.matrix_free import matrix_free
from derive.theorems.robust import robust_losses
from derive.theorems.scaled_step import scaled_step
from derive.theorems.slope import slopes
from derive.theorems.softmax import softmax
from derive.theorems.theorem import Theorem
from derive.theorems.trials import trials
from derive.theorems.weighted_step import weighted_step
from derive.theorems.wiring import wiring
from derive.theorems.woodbury import woodbury


def theorems(architecture: Architecture | None = None) -> tuple[Theorem, ...]:
    """Return the theorems, proved afresh; of the activations only those of a network, if one is given."""
    own = [slopes(), softmax(), wiring()]
    if architecture is not None:
        names = sorted(set(architecture.activations))
        own = [] if architecture.plain else [wiring(architecture)]
        own += [slopes(name for name in names if name != SOFTMAX), *([softmax()] if SOFTMAX in names else [])]
    squares = architecture is not None and of_squares(Network(architecture))
    steps = [
        steepest_descent(),
        levenberg_marquardt(),
        *([] if squares else [convex_step(), curved_trials()]),
        woodbury(),
        gram(),
        trials(),
        weighted_step(),
        *([robust_losses()] if squares or architecture is None else []),
        matrix_free(),
        evidence(),
        scaled_step(),
        layer_scaling(),
        *([acceleration()] if squares or architecture is None else []),
    ]
    return (*own, cost(), *steps, *further_theorems(architecture))

"""Derives backpropagation, proves it, and writes the code from the proof.

    Architecture -> Network -> Derivation -> Program -> text

>>> from derive import Architecture, generate, prove
>>> proof = prove(Architecture.parse("2-2-3-2"))
>>> proof.holds
True
>>> package = generate(proof)
>>> package.name
'sigmoid_2_2_3_2'
"""

from derive.architecture import Architecture
from derive.errors import NotProvedError, UserError
from derive.generate import Package, drift, generate, write
from derive.latex_document import latex_document
from derive.network import Network, mean_cost, output, sample_cost
from derive.proof import Proof, Verdict, prove
from derive.theorems.backpropagation import backpropagation
from derive.theorems.lemma1 import derive_in_general

__all__ = [
    "Architecture",
    "Network",
    "NotProvedError",
    "Package",
    "Proof",
    "UserError",
    "Verdict",
    "backpropagation",
    "derive_in_general",
    "drift",
    "generate",
    "latex_document",
    "mean_cost",
    "output",
    "prove",
    "sample_cost",
    "write",
]

"""The proof as a notebook that derives, replays and checks again as it runs. Needs the extra ``notebook``."""

from __future__ import annotations

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from derive.architecture import Architecture
from derive.costs import QUADRATIC
from derive.errors import UserError
from derive.network import Network
from derive.numbered import forward_equations, lemma_equations, objective_equations
from derive.numbering import OWN, Numbering, concordance
from derive.own_cost import cost as cost_of
from derive.proof import Proof
from derive.theorems.lemma1 import derive_in_general
from derive.version import MARKER, tool_version

MAX_PARAMETERS = 10_000  # the last cells compare gradients entry by entry


def _arguments(shape: Architecture) -> str:
    """Return what ``Architecture.parse`` is given for a network."""
    more = [repr(shape.cost)] if shape.cost != QUADRATIC or shape.own else []
    return ", ".join([f'"{shape}"', *more, *([repr(list(shape.own))] if shape.own else [])])


def notebook(proof: Proof, numbering: Numbering = OWN) -> str:
    """Return the notebook as JSON, the same bytes every time, its equations numbered as asked for.

    Raises:
        NotProvedError: if a claim of the proof does not hold.
        UserError: if the network is too large to check number by number.
    """
    proof.require()
    shape = proof.architecture
    if shape.n_parameters > MAX_PARAMETERS:
        raise UserError(
            f"expected at most {MAX_PARAMETERS} parameters in a notebook, got {shape.n_parameters}"
        )
    cells = [
        new_markdown_cell(
            f"# Backpropagation in the network {shape.label}\n\n"
            f"{MARKER} {tool_version()}. Every cell derives or checks something anew; nothing is typed in."
            + (f"\n\n{numbering.explanation()}\n\n{_concordance()}" if numbering.foreign else "")
        ),
        new_code_cell(
            "from derive import Architecture, Network, derive_in_general, generate, prove, sample_cost\n"
            "from derive.replay import Problem, replay\n\n"
            f"architecture = Architecture.parse({_arguments(shape)})\n"
            "network = Network(architecture)\n"
            "network"
        ),
        new_markdown_cell(
            "## The lemma\n\n"
            "Derived at a symbolic layer and symbolic widths, for any differentiable activation."
        ),
        *_lemma(numbering),
        new_markdown_cell("## The proof, equation by equation"),
        new_code_cell(
            "objective, general = sample_cost(), network.in_general\n"
            "lemma = derive_in_general(objective, general)\n"
            "problem = Problem(general, objective)"
        ),
    ]
    for position, derived in enumerate(derive_in_general()):
        equation = derived.equation
        cells.append(new_markdown_cell(f"### ({numbering.number(equation.number)}) {equation.name}"))
        cells.append(
            new_code_cell(
                f"derived = lemma[{position}]\n"
                "replayed = replay(derived.derivation, problem, derived.equation)\n"
                'assert replayed.holds, "\\n".join(replayed.faults)\n'
                "derived.derivation"
            )
        )
    cells += [
        new_markdown_cell(
            "## The program\n\nEmitted from the same equations, imported from a temporary folder, "
            "and compared with central differences: a check by numbers, not a proof."
        ),
        new_code_cell(
            "import importlib, sys, tempfile\nfrom pathlib import Path\n\n"
            "import numpy as np\n\n"
            "from derive import write\n\n"
            "folder = write(generate(proof), Path(tempfile.mkdtemp()))\n"
            "sys.path.insert(0, str(folder.parent))\n"
            "net = importlib.import_module(folder.name)\n"
            'print((folder / "gradient.py").read_text()[:3000])'
        ),
        new_code_cell(
            "rng = np.random.default_rng(0)\n"
            "p = net.initial_parameters(rng)\n"
            "X = rng.standard_normal((5, net.SIZES[0]))\n"
            "Y = rng.random((5, net.SIZES[-1]))\n"
            + ("Y /= Y.sum(axis=1, keepdims=True)\n" if cost_of(shape.cost).targets == "shares" else "")
            + "h, units = 6e-6, np.eye(net.N_PARAMETERS)\n"
            "rise = [net.cost(p + h * e, X, Y) - net.cost(p - h * e, X, Y) for e in units]\n"
            "differences = np.array(rise) / (2 * h)\n"
            "np.testing.assert_allclose(net.gradient(p, X, Y), differences, rtol=1e-6, atol=1e-9)"
        ),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:03d}"
    book = new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book.metadata["language_info"] = {"name": "python"}
    nbformat.validate(book)
    return f"{nbformat.writes(book, version=4)}\n"


def _concordance() -> str:
    """Return, as a Markdown table, the number of each equation in this project and in the article."""
    known = concordance([*forward_equations(Network()), *objective_equations(), *lemma_equations()])
    rows = [f"| {row.name} | `({row.own})` | ({row.arxiv}) | ({row.siam}) |" for row in known]
    return "\n".join(
        ["| equation | this project | arXiv | SIAM Review |", "| --- | --- | --- | --- |", *rows]
    )


def _lemma(numbering: Numbering) -> list[NotebookNode]:
    """Return the cells that show the lemma and the verdicts; under other numbers these are looked up."""
    shown, claim = "proof", "verdict.claim"
    if numbering.foreign:
        shown = (
            "from IPython.display import Latex\n\n"
            "from derive.numbering import numbering\n"
            "from derive.printers.latex import lemma_latex\n\n"
            f'numbers = numbering("{numbering.key}")\n'
            "Latex(lemma_latex(proof, numbers))"
        )
        claim = "numbers.cite(verdict.claim)"
    return [
        new_code_cell(f"proof = prove(architecture)\nassert proof.holds\n{shown}"),
        new_code_cell(
            'words = {True: "proved", False: "refuted", None: "not decided"}\n'
            "for verdict in proof.verdicts:\n"
            f'    print(words[verdict.holds], "-", {claim})'
        ),
    ]

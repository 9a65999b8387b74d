"""What the terminal shows of a proof: the theorem, its steps, the verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from derive.activations import activation
from derive.architecture import Architecture
from derive.calculus.derivation import Derivation
from derive.costs import SOFTMAX
from derive.describe import describe, text_drawing
from derive.network import Network
from derive.numbered import forward_equations, objective_equations
from derive.numbering import OWN, Numbering
from derive.own_cost import cost as cost_of
from derive.printers.identity import with_identity
from derive.printers.text import Text, Unicode
from derive.proof import Proof
from derive.stages import Stages
from derive.theorems.convex import applies
from derive.theorems.lemma1 import derive_in_general
from derive.theorems.refutations import refutations
from derive.theorems.theorem import Theorem
from derive.theorems.wiring import changed_definitions, changed_equations

_OUTCOMES = {True: "[green]proved[/green]", False: "[red]refuted[/red]", None: "[yellow]not decided[/yellow]"}
MAX_DRAWN_LAYERS = 9  # that a terminal is wide enough for
_RANGES = {"1.1": "", "1.2": "l = 2..L-1", "1.3": "l = 2..L", "1.4": "l = 2..L"}


def spelling(console: Console) -> type[Text]:
    """Return the spelling that a console can show: Greek letters, or ASCII."""
    return Unicode if console.encoding.lower().startswith("utf") else Text


def show_numbering(console: Console, numbering: Numbering) -> None:
    """Print whose numbers are used, if they are not this project's."""
    if numbering.foreign:
        console.print(escape(f"{numbering.explanation()}\n"), style="dim", highlight=False)


def show_theorem(console: Console, network: Network, numbering: Numbering = OWN) -> None:
    """Print the statement of Lemma 1 as it was derived, for a network without an architecture."""
    spell = spelling(console)
    width = 6 if numbering.foreign else 5
    console.print("[bold]Lemma 1[/bold] (Higham & Higham). Let", highlight=False)
    for equation in (*forward_equations(network), *objective_equations(network)[-2:]):
        number = f"({numbering.number(equation.number)})"
        console.print(escape(f"  {number:{width}s}  {spell.equation(equation)}"), highlight=False)
    console.print("Then")
    for derived in derive_in_general(network=network):
        number = f"({numbering.number(derived.equation.number)})"
        text = f"{spell.equation(derived.equation):57s} {_RANGES[derived.equation.number]}"
        console.print(escape(f"  {number:{width}s}  {text}".rstrip()), highlight=False)
    console.print()


def show_wiring(console: Console, network: Network, numbering: Numbering = OWN) -> None:
    """Print what the lemma becomes for a network whose wiring changes it; nothing for any other."""
    changed = [item.equation for item in changed_equations(network)]
    if not changed:
        return
    console.print("[bold]For this network[/bold], where layers are wired otherwise:", highlight=False)
    for equation in (*changed_definitions(network), *changed):
        number = f"({numbering.number(equation.number)})"
        text = spelling(console).equation(equation)
        console.print(escape(f"  {number:{6 if numbering.foreign else 5}s}  {text}"), highlight=False)
    console.print()


def show_steps(console: Console, network: Network, numbering: Numbering = OWN) -> None:
    """Print the general derivation, each step with its rule, and what the rules ask for."""
    used: dict[str, str] = {}
    for derived in derive_in_general(network=network):
        title = f"Derivation of ({derived.equation.number})"
        console.print(_step_table(spelling(console), title, derived.derivation, numbering))
        console.print()
        for step in derived.derivation.steps:
            if step.rule.side_condition != "none":
                used[step.rule.name] = step.rule.side_condition
    console.print("[bold]Side conditions of the rules[/bold]")
    for name, condition in used.items():
        console.print(f"  [cyan]{name}[/cyan]: {escape(numbering.cite(condition))}", highlight=False)
    console.print()


def _step_table(spell: type[Text], title: str, derivation: Derivation, numbering: Numbering) -> Table:
    table = Table(title=escape(numbering.cite(title)), title_justify="left", box=None)
    table.add_column("expression", overflow="fold")
    table.add_column("rule", style="cyan")
    start, *reached = with_identity(derivation.start, *(step.after for step in derivation.steps))
    table.add_row(escape(spell.expression(start)), "")
    for step, after in zip(derivation.steps, reached, strict=True):
        rule = f"{step.rule.name}: {step.note}" if step.note else step.rule.name
        table.add_row(escape(f"= {spell.expression(after)}"), escape(numbering.cite(rule)))
    return table


def show_theorem_list(
    console: Console, theorems: Sequence[Theorem], steps: bool, numbering: Numbering = OWN
) -> None:
    """Print theorems with their premises and parts, and the steps of each part if asked for."""
    for theorem in theorems:
        outcome = _OUTCOMES[theorem.holds]
        title = escape(numbering.cite(theorem.title))
        console.print(f"[bold]{title}[/bold] ({theorem.key}): {outcome}", highlight=False)
        console.print(escape(numbering.cite(f"  {theorem.conclusion}")), highlight=False)
        for premise in theorem.premises:
            console.print(escape(numbering.cite(f"  premise: {premise}")), style="dim", highlight=False)
        for part in theorem.parts:
            if not steps:
                number = numbering.number(part.equation.number)
                equation = spelling(console).equation(part.equation)
                console.print(escape(f"  ({number})  {equation}"), highlight=False)
                continue
            title = f"({part.equation.number}) {part.equation.name}"
            console.print(_step_table(spelling(console), title, part.derivation, numbering))
        console.print()


def show_refutations(console: Console, numbering: Numbering = OWN) -> None:
    """Print what the source notes print wrongly, with the smallest counterexample and the mended form."""
    for refuted in refutations():
        values = ", ".join(f"{name} = {value}" for name, value in refuted.values)
        console.print(f"[red]false[/red]   {escape(refuted.printed)}", highlight=False)
        claim, trap = (escape(numbering.cite(text)) for text in (refuted.claim, refuted.trap))
        console.print(
            f"        {claim}: at {values} it is {refuted.found}, not {refuted.claimed}", highlight=False
        )
        console.print(f"        but note: {trap}", style="dim", highlight=False)
        console.print(f"[green]mended[/green]  {escape(refuted.mended)}\n", highlight=False)


def show_verdicts(console: Console, proof: Proof, numbering: Numbering = OWN) -> None:
    """Print what was claimed, how it was decided and the outcome."""
    table = Table(title=f"Network {proof.architecture.label}, {proof.architecture.n_parameters} parameters")
    table.add_column("claim", overflow="fold")
    table.add_column("how", overflow="fold", style="dim")
    table.add_column("verdict")
    for verdict in proof.verdicts:
        claim, method = (escape(numbering.cite(text)) for text in (verdict.claim, verdict.method))
        table.add_row(claim, method, _OUTCOMES[verdict.holds])
    console.print(table)
    console.print(
        f"Premises: {_smooth(proof.architecture)}; {_wired(proof.architecture)}; sums are "
        "finite.\nEvery verdict above was decided symbolically; nothing was sampled."
    )


def _wired(shape: Architecture) -> str:
    plain = "layer l feeds layer l+1 and nothing else"
    return plain if shape.plain else "every layer takes from earlier layers alone"


def _smooth(shape: Architecture) -> str:
    """Say where the activations must be differentiable, and what the cost asks for."""
    names = [name for name in sorted(set(shape.activations)) if name != SOFTMAX]
    kinks = [
        f"{function.name} where {function.side_condition}"
        for function in map(activation, names)
        if function.kinks
    ]
    said = f"sigma is differentiable, {', '.join(kinks)}" if kinks else "sigma is differentiable at every z"
    cost = cost_of(shape.cost)
    said += f"; {cost.side_condition}" if cost.side_condition else ""
    return said + ("; the targets of a sample add up to 1" if cost.targets == "shares" else "")


def show_description(console: Console, shape: Architecture) -> None:
    """Print the layers of a network, what its passes cost, and a drawing."""
    found = describe(shape)
    table = Table(title=f"Network {shape.label}", title_justify="left")
    for heading in ("layer", "neurons", "activation", "W", "b", "parameters"):
        table.add_column(heading, justify="left" if heading == "activation" else "right")
    for row in found.layers:
        count = str(row.parameters) if row.links else ""
        name = escape(row.activation or "input")
        table.add_row(str(row.number), str(row.neurons), name, "\n+ ".join(row.links), row.bias, count)
    console.print(table)
    console.print(
        f"{found.parameters} parameters; multiplications in matrix products for one sample: {found.forward} "
        f"forward, {found.backward} backward\ncost: {escape(shape.cost)}; emitted as {shape.package_name}\n"
        f"Levenberg-Marquardt: {escape(applies(Network(shape)))}\n",
        highlight=False,
    )
    if shape.depth <= MAX_DRAWN_LAYERS:
        console.print("\n".join(text_drawing(shape)), highlight=False)


def show_stages(console: Console, stages: Stages) -> None:
    """Print how long each stage took."""
    for name, seconds in stages.seconds.items():
        console.print(f"{seconds:9.3f} s  {name}", style="dim", highlight=False)

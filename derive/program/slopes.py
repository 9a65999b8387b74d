"""What is made of kept arrays alone is made once: s'(z) of a layer, for the Gram matrix and for J^T v alike.

The equations have s' as a factor wherever a layer is passed through, a (1 - a) for a logistic one. Lowered
one by one they compute it as often, multiply a larger array by its two factors in turn, and take 1 - a of an
array and of its transpose. This pass, over a program in single-assignment form, computes nothing of the kind
twice, and multiplies two such factors of a product first where both are seen in the same way.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from derive.program.statements import ELEMENTWISE, Operand, Program, Scalar, Statement, View


def shared_slopes(program: Program) -> Program:
    """Return a program in which elementwise functions of its inputs, which nothing writes, are shared.

    They outlive the program, so that its end may be run again.
    """
    return _Sharing(program).done()


class _Sharing:
    def __init__(self, program: Program) -> None:
        self.program, self.axes = program, dict(program.axes)
        self.readers: dict[str, list[Statement]] = defaultdict(list)
        for statement in program.statements:
            for name in statement.reads:
                self.readers[name].append(statement)
        self.writes = Counter(statement.target.array for statement in program.statements)
        self.lasting = program.inputs | program.external | program.outputs | set(program.named)
        self.statements: list[Statement] = []
        self.values: dict[tuple[str, tuple[Operand, ...]], str] = {}
        self.sources = {
            name: frozenset((name,)) for name in program.inputs
        }  # of which inputs a value is made
        self.seen: dict[str, View] = {}  # temporaries that are values now
        self.waiting: dict[str, Statement] = {}  # values whose turn has not come yet

    def done(self) -> Program:
        begun: dict[str, list[Statement]] = {}  # products that are not complete yet, by what they are in
        for statement in self._without_values():
            if statement.target.array in self.values.values():
                self._make(statement.target.array, statement)
                continue
            before = (begun.pop(o.array, []) for o in statement.operands if isinstance(o, View) and o.plain)
            chain = [*next(filter(None, before), []), statement]
            if self._goes_on(statement):
                begun[statement.target.array] = chain
            else:
                self._append(chain)
        made = set(self.values.values())
        read = {name for s in self.statements for name in s.reads if s.target.array not in made}
        used = {name for s in self.statements for name in s.reads}
        names = self._named([name for name in self.values.values() if name in read])
        return replace(
            self.program,
            statements=[s.renamed(names) for s in self.statements if s.target.array not in made - used],
            axes={names.get(name, name): axes for name, axes in self.axes.items() if name not in made - used},
            outputs=self.program.outputs | set(names.values()),
            named=[*self.program.named, *names.values()],
        )

    def _named(self, values: Sequence[str]) -> dict[str, str]:
        """Return names for values that are kept: s4 if it is made of arrays of layer 4."""
        names: dict[str, str] = {}
        for value in values:
            layers = {re.sub(r"\D", "", source) for source in self.sources[value]}
            stem = f"s{layers.pop()}" if len(layers) == 1 else "s"
            free = (f"{stem}_{k}" if k else stem for k in range(len(values) + 1))
            names[value] = next(name for name in free if name not in (*self.axes, *names.values()))
        return names

    # -- values ------------------------------------------------------------------------------------------

    def _without_values(self) -> list[Statement]:
        """Return the statements with temporaries that are functions of inputs put as values."""
        left: list[Statement] = []
        for statement in self.program.statements:
            operands = tuple(map(self._now, statement.operands))
            views = [operand for operand in operands if isinstance(operand, View)]
            target = statement.target
            if (
                self._is_elementwise(statement)
                and self._is_temporary(target.array)
                and len({view.transpose for view in views}) == 1
                and all(self._is_kept(replace(view, transpose=False)) for view in views)
                and all(self._turns(reader, target.array) for reader in self.readers[target.array])
            ):
                lying = tuple(replace(o, transpose=False) if isinstance(o, View) else o for o in operands)
                name, made = self._value(replace(statement, operands=lying))
                left += made
                self.seen[target.array] = View(name, transpose=views[0].transpose)
            else:
                left.append(replace(statement, operands=operands))
        return left

    def _value(self, statement: Statement) -> tuple[str, list[Statement]]:
        """Return the name of a function of kept arrays, and the statement that makes it if it is new."""
        key = (statement.operation, statement.operands)
        if key in self.values:
            return self.values[key], []
        arrays = [operand.array for operand in statement.operands if isinstance(operand, View)]
        sources = frozenset[str]().union(*(self.sources[array] for array in arrays))
        name = f"value{len(self.values)}"
        self.values[key], self.sources[name] = name, sources
        self.axes[name] = self.axes[arrays[0]]
        self.waiting[name] = replace(statement, target=View(name))
        return name, [self.waiting[name]]

    def _make(self, name: str, asked: Statement) -> None:
        """Append what makes a value that a statement asks for, its parts first, unless that has been."""
        statement = self.waiting.pop(name, None)
        if statement is not None:
            for array in statement.reads:
                self._make(array, asked)
            self.statements.append(replace(statement, equation=asked.equation))

    def _now(self, operand: Operand) -> Operand:
        if isinstance(operand, Scalar) or operand.array not in self.seen:
            return operand
        value = self.seen[operand.array]
        return replace(operand, array=value.array, transpose=value.transpose != operand.transpose)

    def _is_elementwise(self, statement: Statement) -> bool:
        plain = statement.target.plain and not statement.updates
        return plain and statement.operation in ELEMENTWISE - {"copyto"}

    def _is_temporary(self, name: str) -> bool:
        return name not in self.lasting and self.writes[name] == 1

    def _is_kept(self, view: View) -> bool:
        return view.plain and view.array in self.sources and len(self.axes[view.array]) == 2

    def _turns(self, statement: Statement, name: str) -> bool:
        """Say whether a statement, if it reads an array, can as well read the transpose of its transpose."""
        views = [o for o in statement.operands if isinstance(o, View) and o.array == name]
        return all(view == View(name, transpose=view.transpose, insert=view.insert) for view in views)

    # -- products ----------------------------------------------------------------------------------------

    def _goes_on(self, statement: Statement) -> bool:
        """Say whether what a statement makes is a product, and nothing but a factor of a later one."""
        name, readers = statement.target.array, self.readers[statement.target.array]
        if statement.operation != "multiply" or len(readers) != 1 or not self._is_temporary(name):
            return False
        (reader,) = readers
        return (
            reader.operation == "multiply"
            and self._is_elementwise(statement)
            and self._is_elementwise(reader)
            and View(name) in reader.operands
            and self.axes[name] == self.axes[reader.target.array]
            and all(self.writes[read] <= 1 for read in (*statement.reads, *reader.reads))
        )

    def _append(self, chain: Sequence[Statement]) -> None:
        """Add a product, its factors that are kept arrays seen alike multiplied first."""
        if len(chain) == 1:
            self.statements += chain
            return
        between = {View(statement.target.array) for statement in chain[:-1]}
        factors: list[Operand] = [o for s in chain for o in s.operands if o not in between]
        position = 0
        while position < len(factors):
            fellow = next(
                (k for k in range(position + 1, len(factors)) if self._alike(factors, position, k)), None
            )
            if fellow is None or len(factors) == 2:
                position += 1
                continue
            one, other = factors[position], factors.pop(fellow)
            assert isinstance(one, View)
            assert isinstance(other, View)
            operands = (View(one.array), View(other.array))
            name, _ = self._value(replace(chain[0], operands=operands))
            self._make(name, chain[0])
            factors[position] = replace(one, array=name)
        targets = [statement.target for statement in chain[: len(factors) - 2]] + [chain[-1].target]
        product = factors[0]
        for statement, target, factor in zip(chain, targets, factors[1:], strict=False):
            self.statements.append(replace(statement, target=target, operands=(product, factor)))
            product = target

    def _alike(self, factors: Sequence[Operand], one: int, other: int) -> bool:
        """Say whether two factors are kept arrays of the same axes, seen in the same way."""
        u, v = factors[one], factors[other]
        if not isinstance(u, View) or not isinstance(v, View) or replace(u, array=v.array) != v:
            return False
        known = all(self._is_kept(View(view.array)) for view in (u, v))
        return known and u.array != v.array and self.axes[u.array] == self.axes[v.array]

"""What expressions of emitted code mean: numbers, arrays, tuples, objects, or something unknown."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sympy import Expr, Integer, Min, Mul

from derive.verification.calls import SCALAR
from derive.verification.exp_bound import exp_bound, sized
from derive.verification.functions import Where, magnitude, relation
from derive.verification.numpy_calls import call_method, call_numpy, call_special
from derive.verification.objects import FLOAT, UNKNOWN, Dotted, Frame, Function, Instance, Method
from derive.verification.spelling import constant
from derive.verification.values import Refusal, View

if TYPE_CHECKING:
    from derive.verification.interpreter import Interpreter


class Expressions:
    """The part of the interpreter that evaluates."""

    def lookup(self, frame: Frame, name: str) -> Any:
        """Return what a name means in a function."""
        raise NotImplementedError

    def call(self, function: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Call whatever can be called."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Any, frame: Frame) -> None:
        """Bind a target."""
        raise NotImplementedError

    def interpreter(self) -> Interpreter:
        """Return the whole of which this is a part."""
        raise NotImplementedError

    def evaluate(self, node: ast.expr, frame: Frame) -> Any:
        """Return what an expression means: a number, an array, a tuple, an object, or something unknown."""
        match node:
            case ast.Name(id=name):
                return self.lookup(frame, name)
            case ast.Constant(value=value):
                return _constant(value)
            case ast.Dict(keys=keys, values=values) if all(_is_word(key) for key in keys):
                words = (self.evaluate(key, frame) for key in keys if key is not None)
                return dict(zip(words, (self.evaluate(value, frame) for value in values), strict=True))
            case ast.Tuple(elts=elements):
                return tuple(self._spread(elements, frame))
            case ast.Attribute(value=value, attr=name):
                return self.attribute(self.evaluate(value, frame), name)
            case ast.Subscript(value=value, slice=index):
                return self._subscript(self.evaluate(value, frame), index, frame)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._scalar(operand, frame)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                decided = self.evaluate(operand, frame)
                return not decided if isinstance(decided, bool) else UNKNOWN
            case ast.BinOp(left=left, op=operator, right=right):
                return self._binary(type(operator).__name__, left, right, frame)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return self._compare(operator, self.evaluate(left, frame), self.evaluate(right, frame))
            case ast.BoolOp(op=operator, values=values):
                return self._both(isinstance(operator, ast.And), values, frame)
            case ast.IfExp() if (array := sized(node)) is not None:
                return exp_bound(node, self.evaluate(array, frame))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._choice(self.evaluate(test, frame), body, orelse, frame)
            case ast.Call(func=function, args=arguments, keywords=keywords):
                return self._call(function, arguments, keywords, frame)
        raise Refusal(f"an expression of this kind is not known ({type(node).__name__})")

    def _spread(self, nodes: Sequence[ast.expr], frame: Frame) -> Iterator[Any]:
        for node in nodes:
            if isinstance(node, ast.Starred):
                several = self.evaluate(node.value, frame)
                if not isinstance(several, tuple):
                    raise Refusal("spreads what is not a tuple")
                yield from several
            else:
                yield self.evaluate(node, frame)

    def _scalar(self, node: ast.expr, frame: Frame) -> Any:
        value = self.evaluate(node, frame)
        if isinstance(value, Expr) or value is UNKNOWN:
            return value
        raise Refusal("arithmetic on arrays must be a NumPy call")

    def _binary(self, operator: str, left: ast.expr, right: ast.expr, frame: Frame) -> Any:
        u, v = self._scalar(left, frame), self._scalar(right, frame)
        if u is UNKNOWN or v is UNKNOWN:
            return UNKNOWN
        match operator:
            case "Add":
                return u + v
            case "Sub":
                return u - v
            case "Mult":
                return u * v
            case "Div":
                return u / v
            case "Pow" if isinstance(v, Integer) and abs(int(v)) <= 64:
                return u**v
        raise Refusal(f"the operator {operator} is not known")

    def _compare(self, operator: ast.cmpop, left: Any, right: Any) -> Any:
        if isinstance(operator, (ast.Is, ast.IsNot)):
            return (left is right) == isinstance(operator, ast.Is)
        if isinstance(left, Expr) and isinstance(right, Expr):
            name = type(operator).__name__
            if isinstance(operator, (ast.Eq, ast.NotEq)) and (left - right).is_zero is not None:
                return bool((left - right).is_zero) == isinstance(operator, ast.Eq)
            return relation(name, left, right) if name in ("Lt", "LtE", "Gt", "GtE") else UNKNOWN
        if isinstance(left, tuple) and isinstance(right, tuple) and isinstance(operator, (ast.Eq, ast.NotEq)):
            return (left == right) == isinstance(operator, ast.Eq)
        if isinstance(left, str) and isinstance(right, str) and isinstance(operator, (ast.Eq, ast.NotEq)):
            return (left == right) == isinstance(operator, ast.Eq)
        return UNKNOWN

    def _both(self, conjunction: bool, nodes: Sequence[ast.expr], frame: Frame) -> Any:
        for node in nodes:
            decided = self.evaluate(node, frame)
            if not isinstance(decided, bool):
                return UNKNOWN
            if decided is not conjunction:
                return decided
        return conjunction

    def _choice(self, test: Any, body: ast.expr, orelse: ast.expr, frame: Frame) -> Any:
        if isinstance(test, bool):
            return self.evaluate(body if test else orelse, frame)
        yes, no = self.evaluate(body, frame), self.evaluate(orelse, frame)
        if isinstance(yes, View) and isinstance(no, View):  # either way must give the same
            if yes.read() == no.read():
                return yes
            raise Refusal("the two ways give different values")
        if isinstance(yes, Expr) and isinstance(no, Expr) and isinstance(test, Expr):
            return Where(test, yes, no)
        if yes is no:
            return yes
        raise Refusal("branches on what is not known")

    def _subscript(self, value: Any, index: ast.expr, frame: Frame) -> Any:
        if isinstance(value, tuple):
            at = self.evaluate(index, frame)
            if isinstance(at, Integer) and -len(value) <= at < len(value):
                return value[int(at)]
            raise Refusal(f"takes entry {at} of {len(value)}")
        if isinstance(value, dict):
            word = self.evaluate(index, frame)
            if isinstance(word, str) and word in value:
                return value[word]
            raise Refusal("takes an entry of a dictionary that it does not have")
        if not isinstance(value, View):
            raise Refusal("takes entries of what is not an array")
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        kept = [not (isinstance(part, ast.Constant) and part.value is None) for part in parts]
        slices = [part for part, keep in zip(parts, kept, strict=True) if keep]
        if not all(isinstance(part, ast.Slice) and part.step is None for part in slices):
            raise Refusal("takes entries in a way that is not known")
        *others, last = [part for part in slices if isinstance(part, ast.Slice)]
        if any(part.lower or part.upper for part in others):
            raise Refusal("takes a part of an axis that is not the last")
        if last.lower is None and last.upper is None:
            return value.indexed(kept)
        if not all(kept) or len(kept) != len(value.axes) or last.upper is None:
            raise Refusal("takes a slice in a way that is not known")
        start = Integer(0) if last.lower is None else self._scalar(last.lower, frame)
        return value.stretch(start, self._scalar(last.upper, frame))

    def attribute(self, value: Any, name: str) -> Any:
        """Return an attribute of an object, an array or a module."""
        if isinstance(value, Dotted) and value.name.split(".")[0] == "np":
            return FLOAT if (value.name, name) == ("np", "float64") else Dotted(f"{value.name}.{name}")
        if isinstance(value, Instance):
            if name in value.attributes:
                return value.attributes[name]
            nodes = [n for n in value.kind.node.body if isinstance(n, ast.FunctionDef) and n.name == name]
            if len(nodes) != 1 or nodes[0].decorator_list:
                raise Refusal(f"{value.kind.node.name} has no single method {name}")
            return Function(value.kind.source, nodes[0], f"{value.kind.node.name}.{name}", value)
        if isinstance(value, View):
            if name == "T":
                return value.transposed()
            if name == "shape":
                return value.shape
            return UNKNOWN if name in ("dtype", "flags", "ndim") else Method(value, name)
        if value is FLOAT or value is UNKNOWN:
            return UNKNOWN
        raise Refusal(f"the attribute {name} is not known")

    def _call(
        self, node: ast.expr, given: Sequence[ast.expr], named: Sequence[ast.keyword], frame: Frame
    ) -> Any:
        keywords = {keyword.arg: keyword.value for keyword in named}
        if None in keywords or len(keywords) != len(named):
            raise Refusal("spreads keywords")
        function = self.evaluate(node, frame)
        if (
            function == Dotted("builtins.tuple")
            and len(given) == 1
            and isinstance(given[0], ast.GeneratorExp)
        ):
            return self._generated(given[0], frame)
        arguments = list(self._spread(given, frame))
        values = {str(name): self.evaluate(value, frame) for name, value in keywords.items()}
        if isinstance(function, Method):
            return call_method(self.interpreter(), function.view, function.name, arguments, values)
        return self.call(function, arguments, values)

    def _generated(self, node: ast.GeneratorExp, frame: Frame) -> tuple[Any, ...]:
        (comprehension,) = node.generators
        over = self.evaluate(comprehension.iter, frame)
        if not isinstance(over, tuple) or comprehension.ifs:
            raise Refusal("runs over what is not a tuple")
        inner = Frame(frame.function, dict(frame.names), frame.local, line=frame.line)
        found = []
        for item in over:
            self.assign(comprehension.target, item, inner)
            found.append(self.evaluate(node.elt, inner))
        return tuple(found)

    def _builtin(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        if name.startswith("np."):
            return call_numpy(self.interpreter(), name[3:], list(arguments), dict(keywords))
        if name.startswith("special."):
            return call_special(self.interpreter(), name[8:], list(arguments), dict(keywords))
        if keywords:
            raise Refusal(f"{name} takes no keywords here")
        match name.split("."), list(arguments):
            case ["builtins", "len"], [View() as view]:
                return view.shape[0]
            case ["builtins", "float"], [Expr() as value]:
                return value
            case ["builtins", "abs"], [Expr() as value]:
                return magnitude(value)
            case ["builtins", "int"], [Expr() as value] if value.is_integer:
                return value
            case ["builtins", "min"], [tuple() as values] if all(isinstance(v, Expr) for v in values):
                return Min(*values)
            case ["builtins", "min"], [Expr(), Expr(), *_] if all(isinstance(v, Expr) for v in arguments):
                return Min(*arguments)
            case ["math", "prod"], [tuple() as values] if all(isinstance(v, Expr) for v in values):
                return Mul(*values)
            case ["math", function], [Expr() as value] if function in SCALAR:
                return SCALAR[function](value)
        raise Refusal(f"{name.removeprefix('builtins.')} is not known here")


def _is_word(key: ast.expr | None) -> bool:
    return isinstance(key, ast.Constant) and isinstance(key.value, str)


def _constant(value: object) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return Integer(value)
    if isinstance(value, float):
        return constant(value)
    raise Refusal(f"the constant {value!r} is not known")

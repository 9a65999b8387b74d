"""What expressions of emitted code mean: numbers, arrays, tuples, objects, or something unknown."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sympy import Expr, Integer, Min

from derive.remembered import remembered
from derive.verification.calls import SCALAR
from derive.verification.exp_bound import exp_bound, sized
from derive.verification.functions import Where, magnitude, relation
from derive.verification.numpy_calls import call_method, call_numpy, call_special
from derive.verification.objects import FLOAT, UNKNOWN, Dotted, Frame, Function, Instance, Method, Opaque
from derive.verification.spelling import constant
from derive.verification.values import Refusal, View, product

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
        means = _MEANS.get(type(node))
        if means is None:
            raise Refusal(f"an expression of this kind is not known ({type(node).__name__})")
        return means(self, node, frame)

    def _name(self, node: ast.Name, frame: Frame) -> Any:
        name = node.id
        return frame.names[name] if name in frame.names else self.lookup(frame, name)

    def _constant(self, node: ast.Constant, frame: Frame) -> Any:
        value = node.value
        return Integer(value) if type(value) is int else _constant(value)

    def _dictionary(self, node: ast.Dict, frame: Frame) -> Any:
        if not all(_is_word(key) for key in node.keys):
            raise Refusal(f"an expression of this kind is not known ({type(node).__name__})")
        words = (self.evaluate(key, frame) for key in node.keys if key is not None)
        return dict(zip(words, (self.evaluate(value, frame) for value in node.values), strict=True))

    def _tuple(self, node: ast.Tuple, frame: Frame) -> Any:
        return tuple(self._spread(node.elts, frame))

    def _attribute(self, node: ast.Attribute, frame: Frame) -> Any:
        return self.attribute(self.evaluate(node.value, frame), node.attr)

    def _part(self, node: ast.Subscript, frame: Frame) -> Any:
        return self._subscript(self.evaluate(node.value, frame), node.slice, frame)

    def _unary(self, node: ast.UnaryOp, frame: Frame) -> Any:
        if isinstance(node.op, ast.USub):
            return -self._scalar(node.operand, frame)
        if isinstance(node.op, ast.Not):
            decided = self.evaluate(node.operand, frame)
            return not decided if isinstance(decided, bool) else UNKNOWN
        raise Refusal(f"an expression of this kind is not known ({type(node).__name__})")

    def _arithmetic(self, node: ast.BinOp, frame: Frame) -> Any:
        return self._binary(type(node.op).__name__, node.left, node.right, frame)

    def _comparison(self, node: ast.Compare, frame: Frame) -> Any:
        if len(node.ops) != 1:
            raise Refusal(f"an expression of this kind is not known ({type(node).__name__})")
        left, right = self.evaluate(node.left, frame), self.evaluate(node.comparators[0], frame)
        return self._compare(node.ops[0], left, right)

    def _several(self, node: ast.BoolOp, frame: Frame) -> Any:
        return self._both(isinstance(node.op, ast.And), node.values, frame)

    def _either(self, node: ast.IfExp, frame: Frame) -> Any:
        if (array := sized(node)) is not None:
            return exp_bound(node, self.evaluate(array, frame))
        return self._choice(self.evaluate(node.test, frame), node.body, node.orelse, frame)

    def _called(self, node: ast.Call, frame: Frame) -> Any:
        return self._call(node.func, node.args, node.keywords, frame)

    def _spread(self, nodes: Sequence[ast.expr], frame: Frame) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                several = self.evaluate(node.value, frame)
                if not isinstance(several, tuple):
                    raise Refusal("spreads what is not a tuple")
                found += several
            else:
                found.append(self.evaluate(node, frame))
        return found

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
            if isinstance(left, Opaque) or isinstance(right, Opaque) or _both_numbers(left, right):
                return UNKNOWN
            return (left is right) == isinstance(operator, ast.Is)
        if isinstance(left, Expr) and isinstance(right, Expr):
            name = type(operator).__name__
            if isinstance(operator, (ast.Eq, ast.NotEq)) and (left - right).is_zero is not None:
                return bool((left - right).is_zero) == isinstance(operator, ast.Eq)
            return relation(name, left, right) if name in ("Lt", "LtE", "Gt", "GtE") else UNKNOWN
        if isinstance(left, tuple) and isinstance(right, tuple) and isinstance(operator, (ast.Eq, ast.NotEq)):
            same = _same(left, right)
            return UNKNOWN if same is None else same == isinstance(operator, ast.Eq)
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
        kept, last = _slices(index)
        if last.lower is None and last.upper is None:
            return value.indexed(kept)
        if not all(kept) or len(kept) != len(value.axes) or last.upper is None:
            raise Refusal("takes a slice in a way that is not known")
        start = Integer(0) if last.lower is None else self._scalar(last.lower, frame)
        return value.stretch(start, self._scalar(last.upper, frame))

    def attribute(self, value: Any, name: str) -> Any:
        """Return an attribute of an object, an array or a module."""
        if isinstance(value, View):
            if name == "T":
                return value.transposed()
            if name == "shape":
                return value.shape
            if name == "dtype":
                return FLOAT  # all arrays of a workspace have its dtype
            return UNKNOWN if name in ("flags", "ndim") else Method(value, name)
        if isinstance(value, Instance):
            if name in value.attributes:
                return value.attributes[name]
            node = _method(value.kind.node, name)
            if node is None:
                raise Refusal(f"{value.kind.node.name} has no single method {name}")
            return Function(value.kind.source, node, f"{value.kind.node.name}.{name}", value)
        if isinstance(value, Dotted) and (value.name == "np" or value.name.startswith("np.")):
            return FLOAT if (value.name, name) == ("np", "float64") else _dotted(f"{value.name}.{name}")
        if value is FLOAT or value is UNKNOWN:
            return UNKNOWN
        raise Refusal(f"the attribute {name} is not known")

    def _call(
        self, node: ast.expr, given: Sequence[ast.expr], named: Sequence[ast.keyword], frame: Frame
    ) -> Any:
        words = {keyword.arg for keyword in named}
        if None in words or len(words) != len(named):
            raise Refusal("spreads keywords")
        function = self.evaluate(node, frame)
        if len(given) == 1 and isinstance(given[0], ast.GeneratorExp) and function == _TUPLE:
            return self._generated(given[0], frame)
        arguments = self._spread(given, frame)
        values = {str(keyword.arg): self.evaluate(keyword.value, frame) for keyword in named}
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
                return product(values)
            case ["math", function], [Expr() as value] if function in SCALAR:
                return SCALAR[function](value)
        raise Refusal(f"{name.removeprefix('builtins.')} is not known here")


@remembered
def _slices(index: ast.expr) -> tuple[tuple[bool, ...], ast.Slice]:
    """Return which axes are kept, not made, and the slice of the last; of the others all is taken."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    kept = tuple(not (isinstance(part, ast.Constant) and part.value is None) for part in parts)
    slices = [part for part, keep in zip(parts, kept, strict=True) if keep]
    if not all(isinstance(part, ast.Slice) and part.step is None for part in slices):
        raise Refusal("takes entries in a way that is not known")
    *others, last = [part for part in slices if isinstance(part, ast.Slice)]
    if any(part.lower or part.upper for part in others):
        raise Refusal("takes a part of an axis that is not the last")
    return kept, last


def _both_numbers(left: Any, right: Any) -> bool:
    return isinstance(left, Expr) and isinstance(right, Expr)


def _same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool | None:
    """Say whether two tuples of numbers are equal; None if it depends on what is not known."""
    if len(left) != len(right):
        return False
    pairs = list(zip(left, right, strict=True))
    found = [(u - v).is_zero if _both_numbers(u, v) else None for u, v in pairs]
    return False if False in found else None if None in found else True


_MEANS: dict[type[ast.expr], Callable[[Expressions, Any, Frame], Any]] = {
    ast.Name: Expressions._name,
    ast.Constant: Expressions._constant,
    ast.Dict: Expressions._dictionary,
    ast.Tuple: Expressions._tuple,
    ast.Attribute: Expressions._attribute,
    ast.Subscript: Expressions._part,
    ast.UnaryOp: Expressions._unary,
    ast.BinOp: Expressions._arithmetic,
    ast.Compare: Expressions._comparison,
    ast.BoolOp: Expressions._several,
    ast.IfExp: Expressions._either,
    ast.Call: Expressions._called,
}
_TUPLE = Dotted("builtins.tuple")


@cache
def _dotted(name: str) -> Dotted:
    return Dotted(name)


@remembered
def _method(kind: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    """Return the single method of a name that a class has."""
    nodes = [node for node in kind.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return nodes[0] if len(nodes) == 1 and not nodes[0].decorator_list else None


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

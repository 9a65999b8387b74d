"""NumPy calls on views: what each reads and where its result goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sympy import Expr, Indexed, Integer

from derive.quantities import omega
from derive.remembered import remembered
from derive.verification.calls import ELEMENTWISE, SPECIAL, elementwise, number, places, renamed
from derive.verification.expected import Known
from derive.verification.functions import Where
from derive.verification.objects import FLOAT
from derive.verification.values import Held, Memory, Refusal, Value, View, fresh, place

if TYPE_CHECKING:
    from derive.verification.interpreter import Interpreter


def call_numpy(run: Interpreter, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """Return what a NumPy call gives, and fill what it fills."""
    if name in ELEMENTWISE:
        arity, function = ELEMENTWISE[name]
        out = _filled(name, arguments, arity, keywords)
        operands = [_operand(argument) for argument in arguments]
        if any(isinstance(operand, Value) for operand in operands):
            return _give(run, elementwise(function, operands), out)
        return _give(run, function(*operands), out)
    match name:
        case "matmul":
            if keywords.get("dtype", FLOAT) is FLOAT:  # the type in which it is summed
                keywords.pop("dtype", None)
            out = _filled(name, arguments, 2, keywords)
            left, right = (_operand(argument) for argument in arguments)
            return _give(run, run.contractions.matmul(left, right), out)
        case "dot":
            out = _filled(name, arguments, 2, keywords)
            if out is not None and not _contiguous(out):
                raise Refusal("np.dot: out is not contiguous")
            left, right = (_operand(argument) for argument in arguments)
            return _give(run, run.contractions.matmul(left, right), out)
        case "add.reduce" | "maximum.reduce":
            given = keywords.pop("axis", Integer(0))
            axis = None if given is None else number(given)
            out = _only(name, arguments, 1, keywords, "out")
            value = _array(name, arguments[0]).read()
            return _give(run, run.contractions.reduced(value, axis, greatest=name != "add.reduce"), out)
        case "copyto":
            return _copyto(run, arguments, keywords)
        case "einsum":
            _only(name, arguments, 2, keywords)
            before, arrow, after = str(arguments[0]).partition("->")
            if not arrow or not isinstance(arguments[0], str):
                raise Refusal("np.einsum: expected subscripts with an arrow")
            return _array(name, arguments[1]).diagonal(before, after)
        case "diagonal":
            _only(name, arguments, 1, keywords)
            return _array(name, arguments[0]).diagonal("ii", "i")
        case "linalg.solve":
            _only(name, arguments, 2, keywords)
            return _solve(run, *(_array(name, argument).read() for argument in arguments))
        case "array" if len(arguments) == 2:
            return _number(arguments, keywords)
        case "array":
            return _weights(run, arguments, keywords)
        case "empty":
            return _empty(arguments, keywords)
        case "ones":
            return _ones(arguments, keywords)
        case "asarray":
            fits = keywords.get("dtype", FLOAT) is FLOAT and keywords.get("order", "C") == "C"
            if len(arguments) != 1 or not set(keywords) <= {"dtype", "order"} or not fits:
                raise Refusal("np.asarray: expected an array, float64 and order C")
            return _array(name, arguments[0])
        case "dtype" if arguments == [FLOAT] and not keywords:
            return FLOAT
    raise Refusal(f"np.{name} is not known")


def call_special(run: Interpreter, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """Return what a function of ``special.py`` gives, entry by entry."""
    if name not in SPECIAL:
        raise Refusal(f"special.py: {name} is not known")
    out = _only(name, arguments, 1, keywords, "out")
    return _give(run, elementwise(SPECIAL[name], [_array(name, arguments[0]).read()]), out)


def call_method(
    run: Interpreter, view: View, name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """Return what a method of an array gives."""
    if keywords:
        raise Refusal(f".{name} takes no keywords here")
    match name, arguments:
        case "ravel", []:
            return view.reshaped([Integer(-1)])
        case "reshape", [tuple() as shape]:
            return view.reshaped(_shape(shape))
        case "reshape", [_, *_]:
            return view.reshaped(_shape(tuple(arguments)))
        case "transpose", [_, *_] if all(isinstance(k, Integer) for k in arguments):
            return view.permuted([int(k) for k in arguments])
        case "copy", []:
            if (view.start, view.stop) == (0, view.memory.size) and view.plain:
                return _copy(view)
            return fresh(view.read())
    raise Refusal(f".{name} is not known")


def _copy(view: View) -> View:
    return View(view.memory.copy(), view.start, view.stop, view.leaves, view.axes)


def _copyto(run: Interpreter, arguments: list[Any], keywords: dict[str, Any]) -> None:
    mask = keywords.pop("where", None)
    _only("copyto", arguments, 2, keywords)
    target, source = _array("copyto", arguments[0]), _operand(arguments[1])
    if mask is not None:
        value = elementwise(Where, [_operand(mask), source, target.read()])
    elif isinstance(source, Value):
        value = source
    else:
        groups = tuple(tuple(target.leaves[leaf] for leaf in axis) for axis in target.axes)
        value = Value(source, groups)
    if len(value.axes) > len(target.axes):
        raise Refusal("np.copyto: shapes do not fit")
    run.store(target, target.filled(_repeated(value, target)))


def _repeated(value: Value, target: View) -> Value:
    """Return a value that is the same for every place on the axes that it lacks, or has with length one."""
    wanted = [tuple(target.leaves[leaf] for leaf in axis) for axis in target.axes]
    given = [*(() for _ in range(len(wanted) - len(value.axes))), *value.axes]
    axes = tuple(have or want for have, want in zip(given, wanted, strict=True))
    if axes == value.axes:
        return value
    everywhere, begun, own = places(axes, 0), 0, []
    for have, axis in zip(given, axes, strict=True):
        own += everywhere[begun : begun + len(axis)] if have else []
        begun += len(axis)
    return Value(renamed(value, own), axes)


def _solve(run: Interpreter, matrix: Value, right: Value) -> View:
    """Return the letter of the solution of a linear system that the proof states."""
    from derive.verification.systems import solution

    number, value = solution(run.knowledge, run.contractions, matrix, right)
    run.frames[-1].stores.append(Known(number, value.expr, value.expr, value.leaves))
    return fresh(value)


def _weights(run: Interpreter, arguments: list[Any], keywords: dict[str, Any]) -> View:
    """Return the array of the weights of the outputs, the only one that packages write down."""
    if keywords or len(arguments) != 1 or arguments[0] != run.knowledge.weights or not arguments[0]:
        raise Refusal("OMEGA does not hold the weights of the outputs: np.array is known for nothing else")
    size = Integer(len(arguments[0]))
    held = Held(omega[place(0, size)], (size,))
    return Memory(size, (), {(Integer(0), size): held}, constant=True).whole()


def _number(arguments: list[Any], keywords: dict[str, Any]) -> Expr:
    """Return a number that a workspace keeps as an array with no axes; nothing can be written into it.

    Without the dtype of the workspace it would be float64 and promote float32.
    """
    value, kind = arguments
    if keywords or kind is not FLOAT or not isinstance(value, Expr):
        raise Refusal("np.array: expected a number and the dtype of the workspace")
    return value


def _contiguous(view: View) -> bool:
    """Say whether entries lie one after another: a part of every row of a matrix does not."""
    return view.plain and (not view.memory.lead or (view.start, view.stop) == (0, view.memory.size))


def _ones(arguments: list[Any], keywords: dict[str, Any]) -> View:
    """Return a vector of ones that nothing may write."""
    made = _empty(arguments, keywords)
    made.memory.held[made.start, made.stop] = Held(Integer(1), made.leaves)
    made.memory.constant = True
    return made


def _empty(arguments: list[Any], keywords: dict[str, Any]) -> View:

    if keywords or not 1 <= len(arguments) <= 2 or (len(arguments) == 2 and arguments[1] is not FLOAT):
        raise Refusal("np.empty: expected a shape and the dtype of the workspace")
    shape = _shape(arguments[0] if isinstance(arguments[0], tuple) else (arguments[0],))
    if not shape or not all(map(_positive, shape)):
        raise Refusal("np.empty: expected a shape that is known")
    return Memory(shape[-1], tuple(shape[:-1])).whole()


@remembered
def _positive(length: Expr) -> bool:
    return bool(length.is_positive)


def _give(run: Interpreter, value: Value | Expr, out: View | None) -> Any:
    if isinstance(value, Value) and not value.axes:
        value = value.expr
    if not isinstance(value, Value):
        if out is not None:
            raise Refusal("puts a number into an array")
        return value
    if out is None:
        made = fresh(value)
        held = made.memory.read(made.start, made.stop)
        run.store(made, held)
        return made
    run.store(out, out.filled(value))
    return out


_BY_NAME = ("where", "minimum", "maximum")  # take no third array, or are about to take none


def _filled(name: str, arguments: list[Any], arity: int, keywords: dict[str, Any]) -> View | None:
    """Take the array that is filled from the arguments, where it comes after them or by the name ``out``."""
    if len(arguments) == arity + 1 and "out" not in keywords and name not in _BY_NAME:
        keywords["out"] = arguments.pop()
    return _only(name, arguments, arity, keywords, "out")


def _only(
    name: str, arguments: list[Any], arity: int, keywords: dict[str, Any], *allowed: str
) -> View | None:
    """Check the arguments and return ``out``."""
    if len(arguments) != arity:
        raise Refusal(f"np.{name}: expected {arity} arguments, got {len(arguments)}")
    if unknown := sorted(set(keywords) - set(allowed)):
        raise Refusal(f"np.{name}: the keyword {unknown[0]} is not known")
    out = keywords.get("out")
    if out is not None and not isinstance(out, View):
        raise Refusal(f"np.{name}: out is not an array")
    return out


def _array(name: str, value: Any) -> View:
    if not isinstance(value, View):
        raise Refusal(f"np.{name}: expected an array")
    return value


def _operand(value: Any) -> Value | Expr:
    if isinstance(value, View):
        return value.read()
    if isinstance(value, (Expr, Indexed)):
        return value
    raise Refusal("expected an array or a number")


def _shape(shape: tuple[Any, ...]) -> list[Expr]:
    if not all(isinstance(length, Expr) for length in shape):
        raise Refusal("expected a shape that is known")
    return list(shape)

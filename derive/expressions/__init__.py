"""Formulas as a person types them, ``z*tanh(z)``: read by a grammar and never evaluated as code."""

from derive.expressions.grammar import parse
from derive.expressions.nodes import Node, evaluate
from derive.expressions.reading import Expression, read_expression
from derive.expressions.spelling import spelled

__all__ = ["Expression", "Node", "evaluate", "parse", "read_expression", "spelled"]

"""The one exception that is meant for people."""

from __future__ import annotations


class UserError(ValueError):
    """Bad input: one line that says what was expected, what came and what to do."""


class NotProvedError(UserError):
    """A claim that the derivation does not bear out; nothing may be emitted from it."""

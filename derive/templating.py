"""How templates are read: nothing undefined, lines of blocks leave no trace."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from derive.templates_kept import KeptTemplates
from derive.templates_path import templates_directory


def environment(*folders: str, escape: bool = False, **delimiters: str) -> Environment:
    """Return the Jinja environment of some folders of templates, earlier ones first.

    ``escape`` is for HTML and SVG; ``delimiters`` are Jinja's options for text in which braces are common.
    """
    options: dict[str, Any] = {
        "trim_blocks": True,
        "lstrip_blocks": True,
        "keep_trailing_newline": True,
        "autoescape": escape,
        **delimiters,
    }
    return Environment(
        loader=FileSystemLoader([templates_directory() / folder for folder in folders]),
        undefined=StrictUndefined,
        bytecode_cache=KeptTemplates(options),
        **options,
    )


def latex_environment() -> Environment:
    r"""Return the environment of LaTeX: ``\VAR{...}``, ``\BLOCK{...}``."""
    return environment(
        "latex",
        block_start_string=r"\BLOCK{",
        block_end_string="}",
        variable_start_string=r"\VAR{",
        variable_end_string="}",
        comment_start_string=r"\#{",
        comment_end_string="}",
    )

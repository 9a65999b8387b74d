"""Compiled templates, kept where Python keeps compiled modules: compiling them takes longer than all else.

A compiled template is used again only if it was made of the same text, character for character, with the
same options, by the same Jinja and Python. Nothing is kept where Python is told to keep nothing.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from pickle import UnpicklingError
from tempfile import NamedTemporaryFile

from jinja2 import compiler
from jinja2.bccache import Bucket, BytecodeCache


class KeptTemplates(BytecodeCache):
    """The compiled templates of an environment with the given ``options``."""

    def __init__(self, options: object) -> None:
        made = Path(compiler.__file__).stat()
        self.made_by = f"{options!r} {made.st_mtime_ns} {made.st_size}"

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return the file of a template, beside which its compiled form is kept."""
        return filename or ""

    def get_source_checksum(self, source: str) -> str:
        """Return all that the compiled form depends on, to be compared as a whole."""
        return f"{self.made_by}\n{source}"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what is kept, if it is there and of the same source."""
        if bucket.key:
            with suppress(OSError, EOFError, ValueError, UnpicklingError):
                bucket.bytecode_from_string(Path(cache_from_source(bucket.key)).read_bytes())

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a compiled template, whole or not at all; where that is not allowed, it is not kept."""
        if sys.dont_write_bytecode or not bucket.key:
            return
        place = Path(cache_from_source(bucket.key))
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=place.parent, prefix=f"{place.name}.", delete=False) as fresh:
                fresh.write(bucket.bytecode_to_string())
            Path(fresh.name).replace(place)

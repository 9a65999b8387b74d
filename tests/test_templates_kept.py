"""Compiled templates are kept, and used again only where they are what would be compiled."""

from __future__ import annotations

import shutil
import sys
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import jinja2
import pytest

from derive import Architecture, prove
from derive.package_python import render
from derive.templates_path import templates_directory
from derive.templating import environment


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("derive.templating.templates_directory", lambda: tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "kept"))
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "a.j2").write_text("{{ x }} & one")
    return tmp_path / "page"


def rendered(**options: Any) -> str:
    return environment("page", **options).get_template("a.j2").render(x="<")


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(jinja2.Environment, "compile", refuse)


@pytest.mark.usefixtures("folder")
def test_a_template_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = rendered()
    forbid(monkeypatch)
    assert rendered() == first == "< & one"


def test_another_text_of_the_same_length_is_compiled_anew(folder: Path) -> None:
    assert rendered() == "< & one"
    (folder / "a.j2").write_text("{{ x }} & two")
    assert rendered() == "< & two"


@pytest.mark.usefixtures("folder")
def test_other_options_are_compiled_anew() -> None:
    assert rendered() == "< & one"
    assert rendered(escape=True) == "&lt; & one"
    assert rendered(variable_start_string="[[", variable_end_string="]]") == "{{ x }} & one"


@pytest.mark.usefixtures("folder")
def test_what_another_jinja_compiled_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered()
    other = tmp_path / "compiler.py"
    other.write_text("")
    monkeypatch.setattr("jinja2.compiler.__file__", str(other))
    forbid(monkeypatch)
    with pytest.raises(AssertionError, match="compiled again"):
        rendered()


@pytest.mark.parametrize("kept", [b"", b"nothing of the kind", None])
def test_what_cannot_be_read_is_compiled_anew(folder: Path, kept: bytes | None) -> None:
    rendered()
    place = Path(cache_from_source(str(folder / "a.j2")))
    place.write_bytes(place.read_bytes()[:-9] if kept is None else kept)
    assert rendered() == "< & one"


def test_nothing_is_kept_where_python_keeps_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered() == "< & one"
    assert not Path(cache_from_source(str(folder / "a.j2"))).exists()


def test_a_folder_that_may_not_be_written_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(folder / "a.j2"))
    assert rendered() == "< & one"


def test_the_head_of_a_file_is_the_same_where_compiled_templates_lie_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "templates"
    shutil.copytree(templates_directory(), copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr("derive.templating.templates_directory", lambda: copied)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    proof = prove(Architecture.parse("2-2-1"), brute_force=False)
    first = render(proof)
    assert list(copied.rglob("__pycache__"))
    assert render(proof) == first

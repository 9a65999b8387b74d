"""The README's examples run as they stand."""

import doctest
from pathlib import Path

import derive

README = Path(__file__).parent.parent / "README.md"


def test_readme_examples_print_what_they_say():
    failed, tried = doctest.testfile(str(README), module_relative=False)
    assert tried > 10
    assert failed == 0


def test_package_docstring_example_runs():
    failed, tried = doctest.testmod(derive)
    assert tried > 0
    assert failed == 0


def test_readme_shows_code_that_the_generator_really_writes():
    text = README.read_text("utf-8")
    shown = text.split("one layer of the backward pass:\n\n```python\n")[1].split("```")[0]
    emitted = (README.parent / "generated" / "sigmoid_2_2_3_2" / "gradient.py").read_text("utf-8")
    assert shown in emitted


def test_readme_links_and_pictures_exist():
    import re

    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", README.read_text("utf-8")):
        assert (README.parent / target.partition("#")[0]).exists(), target

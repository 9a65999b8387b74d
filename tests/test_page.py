"""The page: what it says, and that it needs nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import meta

from derive import article
from derive.activations import SIGMOID
from derive.architecture import Architecture
from derive.calculus.rules import RULES
from derive.drawing import MAX_LAYERS, MAX_NEURONS, draw
from derive.equation import Equation
from derive.errors import NotProvedError
from derive.numbered import activation_equation, forward_equations, objective_equations, step_list
from derive.page import context, page, significant
from derive.printers.mathml import (
    equation_mathml,
)
from derive.printers.mathml_prose import formula, prose
from derive.proof import Proof, Verdict, prove
from derive.templates_path import templates_directory
from derive.templating import environment
from derive.theorems import catalogue, lemma1
from derive.theorems.descent import descent_update
from derive.theorems.refutations import refutations
from derive.version import MARKER
from derive.walk import affordable, start

VOID = {"meta", "link", "br", "hr", "img", "input", "source", "area", "base", "col", "embed", "wbr"}

Started = list[tuple[subprocess.Popen, Path]]

theorems = cache(catalogue.theorems)
derive_in_general = cache(lemma1.derive_in_general)


@pytest.fixture(scope="module", autouse=True)
def other_processes(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Started]:
    """Write the page in two more processes, begun before the first test."""
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from derive.quantities import Index\n"
        "spent = [Index('k', 3) for _ in range(1000)]\n"
        "from derive.architecture import Architecture\n"
        "from derive.page import page\n"
        "from derive.proof import prove\n"
        "text = page(prove(Architecture.parse('2-2-3-2'), brute_force=False))\n"
        "Path(sys.argv[1]).write_text(text, encoding='utf-8')"
    )
    runs = []
    for seed in ("1", "2"):
        path = tmp_path_factory.mktemp("process") / f"{seed}.html"
        command = [sys.executable, "-c", script, str(path)]
        environ = {**os.environ, "PYTHONHASHSEED": seed}
        runs.append((subprocess.Popen(command, env=environ, cwd=Path(__file__).parent.parent), path))
    yield runs
    for run, _ in runs:
        run.kill()
        run.wait()


@pytest.fixture(scope="module")
def proof() -> Proof:
    return prove(Architecture.parse(article.ARCHITECTURE), brute_force=False)


@pytest.fixture(scope="module")
def html(proof: Proof) -> str:
    return page(proof)


def everything(proof: Proof) -> Iterator[Equation]:
    yield from forward_equations(proof.network)
    yield from objective_equations()
    yield activation_equation(SIGMOID)
    yield from step_list(proof.step)
    yield descent_update()
    for derived in (*proof.sample, *proof.mean, *proof.scaled, *proof.output, *derive_in_general()):
        yield derived.equation
    for theorem in theorems(proof.architecture):
        yield from (part.equation for part in theorem.parts)


class Outline(HTMLParser):
    """A page as a browser's parser meets it: tags that balance, attributes, text by element."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"path", "circle", "mspace"}, tag
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    def all(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(2)</script>",
    "</math><b>",
    "a<b = c_<i>",
    "x^(y_(z",
    "{{ 7 * 7 }}",
    "-->",
    "]]>",
    "(1.1)<",
]


def test_hostile_strings_are_words(proof: Proof):
    verdicts = (*proof.verdicts, *(Verdict(text, text, True) for text in HOSTILE))
    outline = Outline(page(replace(proof, verdicts=verdicts)))
    tags = [tag for tag, _ in outline.tags]
    assert tags.count("script") == 1
    assert tags.count("style") == 1
    assert "img" not in tags
    assert "b" not in tags
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
    shown = "".join(outline.words)
    assert "{{ 7" in shown
    for text in (*HOSTILE[:4], "]]>"):
        assert text in shown


def test_the_article_s_numbers_are_shown(html: str):
    numbers, source = start(Architecture.parse(article.ARCHITECTURE))
    assert "article" in source
    assert [value for (letter, _), value in numbers.items() if letter in "wb"] == article.START.tolist()
    shown = set(re.findall(r"<td>([^<]*)</td>", html))
    for value in (*article.START.tolist(), 0.28601121856694744, -0.09245678303740702, -0.0011279397785589607):
        assert significant(value, 4) in shown


def test_significant_digits():
    cases = {0.1: "0.1000", -0.77236: "−0.7724", 1.0: "1.000", 1.234e-7: "1.234·10⁻⁷", 123456.0: "1.235·10⁵"}
    assert {value: significant(value, 4) for value in cases} == cases
    assert significant(12.0, 2) == "12"


# -- the page ------------------------------------------------------------------------------------------


def test_the_page_is_marked_and_balanced(html: str):
    assert html.startswith("<!DOCTYPE html>\n")
    assert MARKER in html[:200]
    assert html.index("<!-- ") < html.index(MARKER) < html.index("-->")
    outline = Outline(html)
    ids = outline.all("id")
    assert len(ids) == len(set(ids))
    links = outline.all("href")
    assert all(link.startswith("#") for link in links)
    assert {link[1:] for link in links} <= set(ids)


def test_every_number_that_is_cited_exists(html: str, proof: Proof):
    outline = Outline(html)
    anchors = {anchor.removeprefix("eq-") for anchor in outline.all("id") if anchor.startswith("eq-")}
    cited = set(re.findall(r"\((\d\.\d+)\)", " ".join(outline.words)))
    assert cited <= anchors
    assert {eq.number for eq in everything(proof)} <= anchors
    parts = [part for theorem in theorems(proof.architecture) for part in theorem.parts]
    notes = [step.note for part in parts for step in part.derivation.steps]
    assert set(re.findall(r"\((\d\.\d+)\)", " ".join(notes))) <= anchors


def test_nothing_comes_from_elsewhere(html: str):
    outline = Outline(html)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|\bfetch\b|XMLHttp|WebSocket|eval\(", html)
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in outline.tags}
    assert not {"src", "style", "srcset", "action"} & {
        name for _, attributes in outline.tags for name in attributes
    }
    (policy,) = (attrs["content"] for _, attrs in outline.tags if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        assert f"{tag}-src 'sha256-{b64encode(sha256(inside.encode()).digest()).decode()}'" in policy


def test_everything_is_there(html: str, proof: Proof):
    shown = unescape(html)
    for rule in RULES:
        assert shown.count(rule.name) >= 1
    steps = sum(len(d.derivation.steps) for d in derive_in_general())
    parts = [part for theorem in theorems(proof.architecture) for part in theorem.parts]
    steps += sum(len(part.derivation.steps) for part in parts)
    assert html.count('<li class="step"') == steps
    for verdict in proof.verdicts:
        assert prose(verdict.claim) in html
    without_links = re.sub(r"</?a\b[^>]*>", "", html)
    for theorem in theorems(proof.architecture):
        assert prose(theorem.title) in html
        assert all(prose(premise) in without_links for premise in theorem.premises)
    for refutation in refutations():
        assert formula(refutation.printed) in html
        assert formula(refutation.mended) in html
        assert prose(refutation.trap) in html
    for derived in derive_in_general():
        assert equation_mathml(derived.equation) in html


def test_a_refuted_claim_shows_nothing(proof: Proof):
    first, *others = proof.verdicts
    with pytest.raises(NotProvedError):
        page(replace(proof, verdicts=(replace(first, holds=False), *others)))


def test_the_templates_read_what_they_are_given_and_hold_no_formula(proof: Proof):
    folder = templates_directory() / "page"
    read = set()
    for path in sorted(folder.glob("*.j2")):
        source = path.read_text()
        assert not re.search(r"<m(ath|row|i|o|n|frac|sub|sup)\b|\|\s*safe|[∂∑δσ]", source), path.name
        assert len(source.splitlines()) < 300
        read |= meta.find_undeclared_variables(environment("page", escape=True).parse(source))
    assert read == set(context(proof)) | {"style", "script", "policy"}
    assert environment("page", escape=True).autoescape is True


@pytest.mark.parametrize("sizes", ["1-1", "784-30-10", "-".join(["2"] * 14)])
def test_other_shapes(sizes: str):
    shape = Architecture.parse(sizes)
    proof = prove(shape, brute_force=False)
    text = page(proof)
    Outline(text)
    assert ("too many to follow" in text) == (not affordable(shape))
    assert len(text) < 1_600_000


def test_large_layers_and_deep_networks_are_abbreviated():
    wide = draw(Architecture.parse("784-3-1"), "wide")
    assert [len(layer.neurons) for layer in wide.layers] == [MAX_NEURONS - 1, 3, 1]
    assert [bool(layer.dots) for layer in wide.layers] == [True, False, False]
    assert wide.layers[0].width == 784
    heights = [neuron.y for neuron in wide.layers[0].neurons]
    assert heights == sorted(set(heights))
    deep = draw(Architecture.parse("-".join(["2"] * 30)), "deep")
    assert len(deep.layers) == MAX_LAYERS - 1
    assert [wires.left_out for wires in deep.wires] == [False] * (MAX_LAYERS - 3) + [True]
    assert deep.layers[-1].number == 30


def test_the_same_bytes_in_every_process(html: str, other_processes: Started):
    for run, path in other_processes:
        assert run.wait(timeout=60) == 0
        assert path.read_text("utf-8") == html

"""The page in a browser: keys, focus, explanations, widths, paper, and that its policy lets it work."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from html import unescape
from pathlib import Path

import pytest

from derive import article
from derive.architecture import Architecture
from derive.page import page
from derive.proof import prove
from derive.theorems import catalogue, lemma1

theorems = cache(catalogue.theorems)
derive_in_general = cache(lemma1.derive_in_general)


@pytest.fixture(scope="module")
def html() -> str:
    return page(prove(Architecture.parse(article.ARCHITECTURE), brute_force=False))


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None,
    reason="NO BROWSER: the page was not opened; keys, focus, widths, policy untested. Install chromium.",
)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
    "--virtual-time-budget=4000",
)
PROBE = (Path(__file__).parent / "page_probe.js").read_text("utf-8")

FRAME = """<!DOCTYPE html>
<iframe src="probed.html" width="320" height="640" style="border: 0"></iframe>
<script>
addEventListener("message", (event) => {
  const report = document.createElement("pre");
  report.id = "report";
  report.textContent = event.data;
  document.body.append(report);
});
</script>"""  # a window is never narrower than 500 pixels, a frame is


def opened(path: Path, profile: Path, *extra: str) -> subprocess.Popen[str]:
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *extra, path.as_uri()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8")


@pytest.fixture(scope="module")
def browsed(html: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Open the page as it is, and with a probe added at two widths; all at once."""
    folder = tmp_path_factory.mktemp("browser")
    probed = re.sub(r"<meta http-equiv[^>]*>", "", html)
    assert probed != html
    (folder / "probed.html").write_text(
        probed.replace("</body>", f"<script>{PROBE}</script></body>"), encoding="utf-8"
    )
    (folder / "page.html").write_text(html, encoding="utf-8")
    (folder / "phone.html").write_text(FRAME, encoding="utf-8")
    runs = {
        "page": opened(folder / "page.html", folder / "p0", "--dump-dom"),
        "desktop": opened(folder / "probed.html", folder / "p1", "--window-size=1280,900", "--dump-dom"),
        "phone": opened(folder / "phone.html", folder / "p2", "--dump-dom"),
    }
    try:
        return {name: run.communicate(timeout=60)[0] for name, run in runs.items()}
    finally:
        for run in runs.values():
            run.kill()


def report(dom: str) -> dict:
    (found,) = re.findall(r'<pre id="report">(.*?)</pre>', dom, flags=re.DOTALL)
    values = json.loads(unescape(found))
    assert "error" not in values, values["error"]
    return values


@needs_browser
def test_the_policy_lets_the_page_s_own_script_run(browsed: dict[str, str]):
    assert '<html lang="en" class="js">' in browsed["page"]
    stops = browsed["page"].count('class="stop ')
    assert browsed["page"].count('hidden=""') == stops  # all stops but one, and the explanation


@needs_browser
@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_keys_step_through_the_proof(browsed: dict[str, str], width: str):
    found = report(browsed[width])
    assert found["barShown"] == "block"
    for at, derived in zip(found["derivations"], derive_in_general(), strict=True):
        steps = len(derived.derivation.steps)
        assert at["counts"] == [f"{step} of {steps}" for step in range(1, steps + 1)]
        assert at["same"]
        assert derived.derivation.steps[-1].rule.name in at["why"]
        assert at["pressed"] == 1
    assert (found["left"], found["home"], found["end"]) == ("9 of 10", "1 of 10", "10 of 10")
    assert found["clicked"] == "9 of 10"


@needs_browser
@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_keys_step_through_the_numbers(browsed: dict[str, str], width: str):
    found = report(browsed[width])
    assert found["stops"] == 11
    assert found["visible"] == [1] * 11
    assert found["lit"] == [1, 1, 1, 1, 1, 2, 1, 2, 1, 2]
    assert found["walked"] == "11 of 11"
    assert found["fromBody"] == "10 of 11"
    assert found["focused"]
    assert found["outline"] == "solid"


@needs_browser
@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_letters_are_explained(browsed: dict[str, str], width: str):
    found = report(browsed[width])
    assert "activation function and its derivative" in found["tip"]
    assert "weight from neuron" in found["tip"]
    assert found["tipHidden"]
    assert "input and target" in found["tipOne"]
    assert "weight" not in found["tipOne"]
    assert found["tipInside"]
    assert found["tipGone"]


@needs_browser
@pytest.mark.parametrize(("width", "pixels"), [("desktop", 1280), ("phone", 320)])
def test_the_page_never_scrolls_sideways(browsed: dict[str, str], width: str, pixels: int):
    found = report(browsed[width])
    assert found["inner"] == pixels
    assert found["widest"] <= pixels
    assert found["unfoldedWidest"] <= pixels
    assert found["wide"] == []
    assert found["unreachable"] == []
    assert found["mathDisplay"] == "block math"
    assert found["mathHeight"] > 20


@needs_browser
def test_paper_unfolds_everything_and_nothing_is_fetched(browsed: dict[str, str]):
    found = report(browsed["desktop"])
    assert found["closed"] > 40
    assert found["closedInPrint"] == 0
    assert found["closedAfter"] == found["closed"]
    assert found["closedInProof"] == 0
    assert found["loaded"] == []

// Added to a copy of the page by tests/test_page_browser.py: uses it as a reader would and reports.
"use strict";
const all = (selector) => Array.from(document.querySelectorAll(selector));
const one = (selector) => document.querySelector(selector);
const press = (target, key) =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key: key, bubbles: true, cancelable: true }));
const text = (node) => node.textContent.replace(/\s+/g, " ").trim();
const visible = () => all("#walk .stop").filter((stop) => !stop.hidden).length;
const found = { widest: 0, unfoldedWidest: 0 };
const measure = () => { found.widest = Math.max(found.widest, document.documentElement.scrollWidth); };
try {
  found.inner = innerWidth;
  found.mathDisplay = getComputedStyle(one("math[display]")).display;
  found.mathHeight = one("#eq-1\\.2 math").getBoundingClientRect().height;
  found.barShown = getComputedStyle(one("#proof-stepper")).display;
  measure();
  const proof = one("#proof-stepper"), walk = one("#walk");
  const count = () => text(proof.querySelector(".count"));
  found.derivations = [];
  all("[data-derivation]").forEach((button) => {
    button.click();
    const seen = [count()], reached = [text(proof.querySelector(".after"))];
    while (!proof.querySelector(".next").disabled && seen.length < 99) {
      press(proof, "ArrowRight");
      measure();
      seen.push(count());
      reached.push(text(proof.querySelector(".after")));
    }
    const listed = all("#" + CSS.escape(button.dataset.derivation) + " .step > .formula").map(text);
    found.derivations.push({ counts: seen, same: JSON.stringify(reached) === JSON.stringify(listed),
      why: text(proof.querySelector(".why")), pressed: all("[aria-pressed=true]").length,
      marked: proof.querySelectorAll(".before .old, .after .new").length });
  });
  press(proof, "ArrowLeft");
  found.left = count();
  press(proof, "Home");
  found.home = count();
  press(proof, "End");
  found.end = count();
  proof.querySelector(".previous").click();
  found.clicked = count();
  found.stops = all("#walk .stop").length;
  found.visible = [visible()];
  found.lit = [];
  for (let stop = 1; stop < found.stops; stop += 1) {
    press(walk, "ArrowRight");
    measure();
    found.visible.push(visible());
    found.lit.push(all("#walk .stop:not([hidden]) .layer.lit").length);
  }
  found.walked = text(walk.querySelector(".count"));
  walk.focus();
  found.focused = document.activeElement === walk;
  found.outline = getComputedStyle(walk).outlineStyle;
  walk.blur();
  press(document.body, "ArrowLeft");
  found.fromBody = text(walk.querySelector(".count"));
  const tip = one("#tip"), formula = one("#eq-1\\.2 .formula");
  formula.focus();
  found.tip = tip.hidden ? "" : text(tip);
  press(formula, "Escape");
  found.tipHidden = tip.hidden;
  const letter = one("#eq-1\\.1 [data-of=y]");
  letter.scrollIntoView({ block: "center", behavior: "instant" });
  letter.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
  found.tipOne = tip.hidden ? "" : text(tip);
  const box = tip.getBoundingClientRect();
  found.tipInside = box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight;
  one("#refuted p").dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
  found.tipGone = tip.hidden;
  found.unreachable = all(".formula, .scroll, .drawing").filter((node) => node.tabIndex < 0
    && !node.closest("[hidden]") && node.scrollWidth > node.clientWidth && node.checkVisibility())
    .map((node) => node.outerHTML.slice(0, 200));
  const closed = () => all("details:not([open])").length;
  found.closed = closed();
  dispatchEvent(new Event("beforeprint"));
  found.closedInPrint = closed();
  found.unfoldedWidest = document.documentElement.scrollWidth;
  found.wide = all("main *").filter((node) => node.checkVisibility() && !node.closest("math, svg")
    && node.getBoundingClientRect().right > innerWidth + 1
    && !node.closest(".scroll, .formula, .drawing, .stage, p")).map((node) => node.outerHTML.slice(0, 90));
  dispatchEvent(new Event("afterprint"));
  found.closedAfter = closed();
  one("[data-fold=open]").click();
  found.closedInProof = all("#proof details:not([open])").length;
  found.loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
} catch (error) { found.error = String(error) + error.stack; }
const report = document.createElement("pre");
report.id = "report";
report.textContent = JSON.stringify(found);
if (parent !== window) { parent.postMessage(report.textContent, "*"); }
document.body.append(report);

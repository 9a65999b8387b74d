"""Every activation, cost and form of layer: what is emitted for it is proved, a mutant of it is not."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from derive.activations import ACTIVATIONS
from derive.architecture import Architecture
from derive.errors import UserError
from derive.package import render
from derive.proof import prove
from derive.special import source as special_source
from derive.verification import repair, verify_directory
from derive.verification.verify import Verifier, architecture_of

EVERY = "2-" + "-".join(f"2:{name}" for name in ACTIVATIONS)
SEVERAL = "2-" + "-".join(f"1:{name}" for name in ACTIVATIONS if not name.startswith("gelu"))
GELU = "2-3:gelu-3:gelu-2:linear"
HUBER = ("2-3:softsign-2:linear", "huber")
LOG_COSH = ("2-3:selu-2:softplus", "log-cosh")
BINARY = ("2-3:elu-2", "binary-cross-entropy")
SOFTMAX = ("2-3:tanh-2:softmax", "cross-entropy")
OF_ITSELF = ("1-1:mine-1:linear", "quadratic", "mine: exp(sin(z))")  # its slope has its value as a factor
OWN = ("2-2:swoosh-1:linear,no-bias", "quadratic", "swoosh: z*tanh(log(1+exp(z))/pi)")


@cache
def made(text: str, cost: str = "quadratic", *own: str) -> tuple[Verifier, dict[str, str]]:
    proof = prove(Architecture.parse(text, cost, own), brute_force=False)
    return Verifier(proof), render(proof)


def accepted(text: str, cost: str = "quadratic", *own: str) -> None:
    verifier, files = made(text, cost, *own)
    report = verifier.verify(files)
    assert report.findings == ()
    names = {(item.file, item.name) for item in report.proved}
    assert {("forward.py", "mean_cost"), ("gradient.py", "backpropagate")} <= names
    assert (("lm_step.py", "solve") in names) == (cost == "quadratic")
    assert (("sample_steps.py", "sample_steps") in names) == ("sample_steps.py" in files)


@pytest.mark.parametrize(
    "what",
    [
        (SEVERAL,),
        (GELU,),
        HUBER,
        SOFTMAX,
        OF_ITSELF,
        ("1-1:mine-1:linear,no-bias", "quadratic", "mine: exp(1/max(z,1/100))"),
        ("1-1:sin-1:softmax,no-bias", "cross-entropy"),
        pytest.param(("1-2:mine-2:mine-1", "quadratic", "mine: exp(min(z,1))"), marks=pytest.mark.slow),
        pytest.param(("1-2:mine-2:mine-1", "quadratic", "mine: exp(exp(-z))"), marks=pytest.mark.slow),
        pytest.param(BINARY, marks=pytest.mark.slow),
        pytest.param(LOG_COSH, marks=pytest.mark.slow),
        pytest.param(OWN, marks=pytest.mark.slow),
        pytest.param((EVERY,), marks=pytest.mark.slow),
        pytest.param(("2-3:silu,no-bias-2:gelu_tanh",), marks=pytest.mark.slow),
        pytest.param(("1-1:linear-1:linear",), marks=pytest.mark.slow),
    ],
)
def test_what_is_emitted_for_every_kind_is_proved(what: tuple[str, ...]) -> None:
    accepted(*what)


@pytest.mark.slow
@pytest.mark.parametrize("cost", ["quadratic", "huber", "log-cosh"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_proved_in_hidden_and_output_layers(name: str, cost: str) -> None:
    accepted(f"2-3:{name}-2:{name}", cost)


@pytest.mark.slow
@pytest.mark.parametrize(
    "formula",
    [
        "log(1+z^2)",
        "z/sqrt(1+z^2)",
        "sqrt(1+z^2)",
        "2*atan(3*z)/pi + z/9",
        "1.7159*tanh(2*z/3)",
        "exp(-abs(z))",
        "max(-1, min(1, z))",
        "z*erf(z)",
        "sinh(z)/cosh(z) + log(2)*z",
        "z^3/3 - z/7",
    ],
)
def test_activations_of_ones_own_are_proved(formula: str) -> None:
    accepted("2-3:own-2:own", "quadratic", f"own: {formula}")


@pytest.mark.slow
@pytest.mark.parametrize("text", ["20-30:tanh-10:softmax", "784-100:gelu-10:softmax"])
def test_larger_classifiers_are_proved(text: str) -> None:
    accepted(text, "cross-entropy")


MUTANTS = [
    ((GELU,), "gradient.py", "np.minimum(z3, 40.0", "np.minimum(z2, 40.0"),  # z of another layer
    ((GELU,), "forward.py", "normal_cdf(a2, out=a2)", "np.tanh(a2, a2)"),
    ((GELU,), "gradient.py", "0.3989422804014327", "0.3989422804024327"),
    ((GELU,), "sample_steps.py", "= 0.5*erfc(-t", "= 0.5*erfc(t"),
    ((GELU,), "special.py", "0.5770337386164697", "0.5770337386164698"),
    ((GELU,), "parameters.py", '"W2", "b2"', '"b2", "W2"'),
    (HUBER, "gradient.py", "np.maximum(a3, -1.0, out=a3)", "np.maximum(a3, 1.0, out=a3)"),
    (HUBER, "gradient.py", "np.minimum(a3, one, out=a3)", "pass"),
    (HUBER, "gradient.py", "np.maximum(a2, t", "np.minimum(a2, t"),  # |a| in the slope of softsign
    (HUBER, "forward.py", "np.multiply(t", "np.add(t"),
    (LOG_COSH, "forward.py", ", -2.0, out=t4", ", -1.0, out=t4"),
    (LOG_COSH, "forward.py", "0.6931471805599453", "0.6931571805599453"),
    (LOG_COSH, "gradient.py", "np.greater(a2, 0.0", "np.greater(a2, 1.0"),
    (LOG_COSH, "gradient.py", "np.expm1(", "np.exp("),  # the slope of another activation
    (LOG_COSH, "sample_steps.py", "> 0.0 else 0.0", "< 0.0 else 0.0"),
    (LOG_COSH, "forward.py", "axis=None", "axis=0"),
    (BINARY, "forward.py", "np.multiply(Y, z3", "np.multiply(Y, a3"),
    (BINARY, "gradient.py", "np.minimum(a2, 0.0", "np.maximum(a2, 0.0"),
    (SOFTMAX, "forward.py", "np.maximum.reduce(z3", "np.add.reduce(z3"),
    (SOFTMAX, "forward.py", "np.maximum.reduce(z3, axis=1", "np.maximum.reduce(z3, axis=0"),
    (SOFTMAX, "forward.py", "np.subtract(z3, m3[:, None], a3)", "np.add(z3, m3[:, None], a3)"),
    (SOFTMAX, "forward.py", "np.divide(a3, q3[:, None]", "np.divide(a3, m3[:, None]"),
    (SOFTMAX, "forward.py", "np.log(q3", "np.log(m3"),
    (SOFTMAX, "lm_step.py", "np.negative(d3, out=d3)", "pass"),
    (SOFTMAX, "sample_steps.py", "if z3_1 > z3_2", "if z3_1 < z3_2"),
    (SOFTMAX, "sample_steps.py", "q3 = e3_1 + e3_2", "q3 = e3_1 + e3_1"),
    (OWN, "gradient.py", "W3,", "W4,"),
    (OF_ITSELF, "sample_steps.py", "*a2_1*d3_1*cos(", "*z2_1*d3_1*cos("),
    (OF_ITSELF, "sample_steps.py", "*a2_1*d3_1*cos(", "*d3_1*cos("),
]


QUICK = ((GELU,), HUBER, SOFTMAX, OF_ITSELF)
FAST = [
    mutant if number % 2 and mutant[0] in QUICK else pytest.param(*mutant, marks=pytest.mark.slow)
    for number, mutant in enumerate(MUTANTS)
]


@pytest.mark.parametrize(
    ("what", "file", "old", "new"), FAST, ids=[f"{m[0][0]} {m[1]} {m[3]}" for m in MUTANTS]
)
def test_a_wrong_statement_of_any_kind_is_refused(
    monkeypatch: pytest.MonkeyPatch, what: tuple[str, ...], file: str, old: str, new: str
) -> None:
    monkeypatch.setattr(repair, "MAX_TRIES", 0)  # which line is to blame is tested elsewhere
    verifier, files = made(*what)
    assert old in files[file]
    report = verifier.verify({**files, file: files[file].replace(old, new, 1)})
    assert not report.holds
    assert report.findings[0].file == file


@pytest.mark.slow
def test_the_slope_of_another_activation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "MAX_TRIES", 0)
    verifier, files = made("2-3:relu-2:linear")
    other = made("2-3:elu-2:linear")[1]
    assert verifier.holds(files)
    assert not verifier.holds({**files, "gradient.py": other["gradient.py"]})


@pytest.mark.slow
def test_a_package_of_another_cost_is_refused() -> None:
    verifier, _ = made(*HUBER)
    assert not verifier.holds(made(HUBER[0], "log-cosh")[1])


def test_a_step_that_a_cost_does_not_have_is_refused() -> None:
    verifier, files = made(*HUBER)
    more = '\n\ndef lm_step(p: Array) -> Array:\n    """Return it."""\n    return np.add(p, 1.0)\n'
    (finding,) = verifier.verify({**files, "lm_step.py": files["lm_step.py"] + more}).findings
    assert finding.statement == "lm_step"


def test_special_functions_are_compared_byte_for_byte_and_then_trusted() -> None:
    verifier, files = made(GELU)
    assert files["special.py"].endswith(special_source())
    changed = files["special.py"] + "\n"
    (finding,) = verifier.verify({**files, "special.py": changed}).findings
    assert finding.file == "special.py"
    extra = files["special.py"].replace('\n"""', '\nimport os\n"""', 1)
    assert not verifier.holds({**files, "special.py": extra})
    without = {name: text for name, text in files.items() if name != "special.py"}
    assert not verifier.holds(without)


@pytest.mark.parametrize("what", [HUBER, pytest.param(OWN, marks=pytest.mark.slow)], ids=["cost", "own"])
def test_a_package_on_disk_names_its_cost_and_activations(what: tuple[str, ...], tmp_path: Path) -> None:
    for name, text in made(*what)[1].items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert verify_directory(tmp_path).holds


@pytest.mark.parametrize("words", ["--cost", "--costs huber", "--cost 'huber", "--activation"])
def test_a_header_with_other_words_is_refused_in_one_line(words: str) -> None:
    line = "\n# 2-3:tanh-2:softmax --cost cross-entropy\n"
    files = made(*SOFTMAX)[1]
    assert all(line in text for text in files.values())
    changed = {name: text.replace(line, f"\n# 1-1 {words}\n", 1) for name, text in files.items()}
    with pytest.raises(UserError, match="--cost, --activation and --with at most"):
        architecture_of(changed, Path("net"))

"""Links that skip layers and weights that are shared: what may be typed, what follows, what is refused."""

from __future__ import annotations

import doctest
import re
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from random_networks import item, network
from sympy import Integer

from derive import Architecture, prove
from derive.architecture_file import read_architecture
from derive.calculus.normal_form import equal
from derive.calculus.rules import CHAIN, differentiate, open_partial
from derive.commands import app
from derive.errors import NotProvedError, UserError
from derive.evaluation import Problem, same_value
from derive.network import Network, sample_cost
from derive.package import render
from derive.quantities import Direct, Index, N, Partial, SigmaPrime, delta, total, w, z
from derive.replay import Outcome, check_step, replay
from derive.theorems.backpropagation import backpropagation
from derive.theorems.brute_force import prove_by_brute_force
from derive.theorems.lemma1 import LEMMA_1, hidden, prove_layers, prove_unrolled, weight
from derive.theorems.wiring import changed_equations, wiring
from derive.verification import verify_files

SKIP = "2-3-3-3+2-1:linear+W1"
TIED = "3-3:tanh-3:tanh=2-3:tanh=W2T-1"
BOTH = "3-3-3=2+1-2+W1+W2"


def message_of(text: str) -> str:
    with pytest.raises(UserError) as caught:
        Architecture.parse(text)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# -- what may be typed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2-3+1-1", "expected layer 2 to add a layer of 3 neurons, but layer 1 has 2; +W1 adds it through"),
        ("3-3-3+3-1", "expected layer 3 to add a layer from 1 to 2, got '+3'"),
        ("3-3-3+W2-1", "expected layer 3 to add a layer from 1 to 1, got '+W2'"),
        ("3-3+0-1", "expected layer 2 to add a layer from 1 to 1, got '+0'"),
        ("3-3-3+1+1-1", "expected layer 1 once in what layer 3 adds"),
        ("3-3=2-1", "expected an earlier layer, from 2 on, whose weights layer 2 shares"),
        ("3-3-3=3-1", "expected an earlier layer"),
        ("3-4-2=2-1", "expected weights of 2 by 4 for layer 3, but those of '=2' are 4 by 3"),
        ("3-4-3=W2-1", "expected weights of 3 by 4 for layer 3, but those of '=W2' are 4 by 3"),
        ("3-3-3-3=2=3-1", "expected one layer whose weights layer 4 shares"),
        ("3-3,no-bias-3=2-1", "expected =W2 for layer 3: a bias is missing"),
        ("3-3-3=2,no-bias-1", "expected =W2 for layer 3: a bias is missing"),
        ("3-3+W1", "expected nothing added to layer 2 but +1"),
        ("3+1-3", "expected layer sizes like"),
        ("3-3+-1", "expected layer sizes like"),
        ("3-3-3=2T-1", "expected layer sizes like"),
        ("3-3-3+W1T-1", "expected layer sizes like"),
    ],
)
def test_wiring_that_makes_no_sense_is_refused_in_one_line_that_says_why(text: str, said: str) -> None:
    assert said in message_of(text)


@given(st.integers(0, 10**6))
def test_a_network_is_read_back_from_its_text_with_its_wiring(seed: int) -> None:
    shape = network(seed)
    again = Architecture.parse(str(shape), shape.cost)
    assert (again, again.joints) == (shape, shape.joints)
    assert shape.package_name.isidentifier()


@given(st.integers(0, 10**6))
def test_the_parameters_fill_p_without_gap_or_overlap(seed: int) -> None:
    shape = network(seed)
    assert [part.start for part in shape.parameters] == [0, *(part.stop for part in shape.parameters)][:-1]
    assert shape.parameters[-1].stop == shape.n_parameters
    entries = Network(shape).parameters()
    sizes = [tuple(int(i.upper) for i in entry.indices if isinstance(i, Index)) for entry in entries]
    assert sizes == [part.shape for part in shape.parameters]


def test_a_layer_that_shares_with_one_that_shares_has_the_first_ones_weights() -> None:
    assert str(Architecture.parse("4-4-4=W2T-4=3-4=W3T")) == "4-4-4=W2T-4=3-4=W2"
    assert Architecture.parse("4-4-4=2-4=3") == Architecture.parse("4-4-4=2-4=2")


def test_wiring_can_stand_in_a_file(tmp_path) -> None:
    path = tmp_path / "net.toml"
    path.write_text('sizes = [2, 3, 3, 1]\nwiring = ["", "+2", "+W1"]\n')
    assert str(read_architecture(str(path))) == "2-3-3+2-1+W1"
    path.write_text('sizes = [2, 3, 3, 1]\nwiring = ["", "+5", ""]\n')
    with pytest.raises(UserError, match="expected layer 3 to add a layer from 1 to 2"):
        read_architecture(str(path))


PIECES = [
    "3",
    "2",
    "-",
    "+",
    "=",
    "W",
    "T",
    "1",
    "=2",
    "+1",
    "+W1",
    ":tanh",
    ",no-bias",
    "(",
    ")",
    " ",
    "²",
    "+W99999",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_pieces_of_wiring_make_a_network_or_one_line(pieces: list[str]) -> None:
    read_or_refused("".join(pieces))


def read_or_refused(text: str) -> None:
    try:
        shape = Architecture.parse(text)
    except UserError as error:
        said = str(error)
    else:
        said = ""
        assert Architecture.parse(str(shape)) == shape
    assert not said or (said.startswith("expected ") and said.isprintable() and len(said) < 300), said


@pytest.mark.slow
def test_a_million_random_texts_give_a_network_or_one_line() -> None:
    random = Random(4)
    for _ in range(1_000_000):
        if random.random() < 0.5:
            text = "".join(random.choices(PIECES, k=random.randint(1, 12)))
        else:
            layers = [str(random.randint(1, 3)) for _ in range(random.randint(2, 5))]
            wired = [size + item(random, n) for n, size in enumerate(layers[1:], start=2)]
            text = "-".join([layers[0], *wired])
            if random.random() < 0.5:
                at = random.randrange(len(text))
                text = (
                    text[:at]
                    + chr(random.choice([random.randint(32, 126), random.randint(0, 0x2FFF)]))
                    + text[at:]
                )
        read_or_refused(text)


# -- what follows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [SKIP, TIED, BOTH])
def test_every_way_of_proving_the_lemma_holds_for_a_wired_network(text: str) -> None:
    proof = prove(Architecture.parse(text))
    assert proof.holds
    assert not any(verdict.holds is None for verdict in proof.verdicts)


@pytest.mark.parametrize("text", [SKIP, TIED, BOTH])
def test_the_theorem_lists_exactly_what_changes(text: str) -> None:
    found = wiring(Architecture.parse(text))
    assert found.holds
    network_of_text = Network(Architecture.parse(text))
    changed = {(item.equation.number, int(item.layer)) for item in changed_equations(network_of_text)}
    assert (
        changed
        == {
            SKIP: {("1.2", 2), ("1.4", 5)},  # delta[2] gathers; U5_1
            TIED: {("1.2", 2), ("1.2", 3), ("1.3", 2), ("1.4", 2)},
            BOTH: {("1.2", 2), ("1.3", 2), ("1.4", 2), ("1.4", 4)},
        }[text]
    )


def test_a_plain_network_changes_nothing() -> None:
    assert changed_equations(Network(Architecture.parse("2-2-3-2"))) == ()


def test_delta_gathers_over_the_layers_that_a_neuron_feeds() -> None:
    shape = Network(Architecture.parse(SKIP))
    (found,) = (
        item
        for item in backpropagation(shape, sample_cost())
        if item.equation.number == "1.2" and item.layer == 2
    )
    i, j = found.free
    k, two, three, four = shape.index("k", Integer(3)), Integer(2), Integer(3), Integer(4)
    back = total(w[three, k, j] * delta[three, i, k], k) + delta[four, i, j]
    assert equal(found.equation.rhs, SigmaPrime(two, z[two, i, j]) * back)


# -- what is refused -------------------------------------------------------------------------------------


def without_skips(network: Network, layer, i, j, named=None):
    """Return (1.2) as if layer l fed layer l+1 alone."""
    return hidden(without_wiring(network), layer, i, j)


def first_use_alone(network: Network, layer, i, j, k, *source):
    """Return (1.4) as if the weights were used once."""
    shape = network if source else without_wiring(network)
    return weight(shape, layer, i, j, k, *source)


def without_wiring(network: Network) -> Network:
    shape = network.architecture
    return network if shape is None else Network(replace(shape, wiring=()))


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        (SKIP, replace(LEMMA_1, hidden_delta=without_skips)),
        (BOTH, replace(LEMMA_1, hidden_delta=without_skips)),
        (TIED, replace(LEMMA_1, weight_gradient=first_use_alone)),
        (BOTH, replace(LEMMA_1, weight_gradient=first_use_alone)),
    ],
)
def test_a_lemma_that_forgets_a_link_or_a_use_is_refuted_three_ways(text: str, claim) -> None:
    shape = Network(Architecture.parse(text))
    assert not all(finding.holds for finding in prove_layers(shape, claim))
    assert not all(finding.holds for finding in prove_unrolled(shape, claim))
    assert not prove_by_brute_force(shape, claim).holds
    with pytest.raises(NotProvedError):
        prove(shape.architecture, claim, brute_force=False).require()


def chain(inner: type[Partial], *layers: int):
    """Return a chain rule from z[2] through the given layers of a network, to be checked by the replay."""
    shape = Network(Architecture.parse("3-3-3-3+2-2"))
    sample = sample_cost()
    variable = z[Integer(2), sample.i, shape.index("j", Integer(2))]
    terms = []
    for layer in map(Integer, layers):
        k = shape.index("k", layer)
        through = z[layer, sample.i, k]
        terms.append(total(Partial(sample.symbol, through) * inner(through, variable), k))
    before = Partial(sample.symbol, variable)
    return check_step(before, sum(terms), CHAIN.name, Problem(shape, sample))


def test_the_replay_wants_every_layer_that_is_fed_and_direct_derivatives() -> None:
    assert chain(Direct, 3, 4).holds
    for wrong in (
        chain(Partial, 3, 4),
        chain(Direct, 3),
        chain(Partial, 3),
        chain(Direct, 4),
    ):
        assert wrong.outcome is Outcome.FALSE, wrong
    assert "acts on z[4], too" in chain(Direct, 3).reason
    assert chain(Partial, 4).outcome is Outcome.WRONG_RULE  # true here, for all ways lead through layer 4


def test_a_z_that_is_held_is_not_opened_inside_a_direct_derivative() -> None:
    shape = Network(Architecture.parse("3-3-3-3+2-2"))
    problem = Problem(shape, sample_cost())
    i, j, k = Index("i", N), shape.index("j", Integer(2)), shape.index("k", Integer(3))
    held, v = z[Integer(3), i, k], z[Integer(2), i, j]
    inside = Direct(2 * held, v)
    assert not check_step(inside, 2 * Direct(held, v), "constant factor", problem).holds
    opened = Direct(2 * shape.definition(held), v)
    assert not check_step(inside, opened, "definition", problem).holds
    assert check_step(inside, Integer(0), "independence", problem).holds
    assert check_step(Direct(held, v), Direct(shape.definition(held), v), "definition", problem).holds
    with pytest.raises(ValueError, match="held"):
        open_partial(Direct(held + w[Integer(2), j, j] * v, v), shape)


def test_direct_derivatives_have_the_values_that_the_chain_rule_needs() -> None:
    shape = Network(Architecture.parse("3-3-3-3+2-2"))
    problem = Problem(shape, sample_cost())
    i, j, m = Index("i", N), shape.index("j", Integer(2)), shape.index("m", Integer(4))
    v, far = z[Integer(2), i, j], z[Integer(4), i, m]
    k = shape.index("k", Integer(3))
    near = z[Integer(3), i, k]
    whole = differentiate(far, v, shape)
    direct = differentiate(Direct(far, v).f, v, shape)  # the same rules, nothing held
    assert equal(whole, direct)
    by_both = Direct(far, v) + total(Partial(far, near) * Direct(near, v), k)
    assert same_value(Partial(far, v), by_both, problem)
    assert not same_value(Partial(far, v), Direct(far, v), problem)


def test_every_step_of_a_wired_network_is_replayed_for_every_objective() -> None:
    for text in (SKIP, TIED, BOTH):
        shape = Network(Architecture.parse(text))
        problem = Problem(shape, sample_cost())
        for derived in backpropagation(shape, problem.objective):
            assert replay(derived.derivation, problem, derived.equation).holds


def test_the_page_on_architectures_says_what_is_so() -> None:
    page = Path(__file__).parent.parent / "docs" / "architectures.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert (failed, tried) == (0, 4)
    text = page.read_text("utf-8")
    printed = CliRunner().invoke(app, ["prove", "3-3-3=2-3+2-2+W1"], env={"COLUMNS": "100"}).output
    (shown,) = re.findall(r"For this network.*?\n\.\.\.", text, flags=re.DOTALL)
    assert shown.removesuffix("\n...") in printed
    for spelled in re.findall(r"`([0-9][0-9a-z:=+WT-]*-[0-9a-z:=+WT-]*)`", text):
        assert str(Architecture.parse(spelled)) == spelled.replace("-3:tanh=3", "-3:tanh=2")


MUTATIONS = [
    ("gradient.py", "np.add(d2, d4, d2)", "np.subtract(d2, d4, d2)"),
    ("gradient.py", "np.add(d2, d4, d2)", "np.add(d2, d3, d2)"),
    ("gradient.py", "np.dot(d5.T, X, gU5_1)", "np.dot(d5.T, a2, gU5_1)"),
    ("forward.py", "np.add(a4, a2, a4)", "np.add(a4, a3, a4)"),
    ("forward.py", "np.add(a4, a2, a4)", "pass"),
]


def test_a_changed_link_in_emitted_code_is_found() -> None:
    proof = prove(Architecture.parse(SKIP), brute_force=False)
    files = render(proof)
    assert verify_files(files, proof).holds
    for file, old, new in MUTATIONS:
        assert files[file].count(old) == 1, (old, files[file])
        report = verify_files(files | {file: files[file].replace(old, new)}, proof)
        assert not report.holds
        assert report.findings[0].file == file

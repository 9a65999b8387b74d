"""What a person types: the tree it becomes, or the character that is to blame."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from derive.claims import Outcome, check_claim
from derive.claims.grammar import MAX_LENGTH, parse
from derive.claims.meaning import meaning_of
from derive.claims.syntax import Added, Layer, MalformedClaim, Number, Quantity, Times, Transpose
from derive.errors import UserError

# Each text with the column that the caret points at, marked by the bar, and a part of the message.
MALFORMED = [
    ("|", "expected a quantity"),
    ("a[l]|", "expected an operator or '='"),
    ("a[l] =|", "expected a quantity"),
    ("|= a[l]", "expected a quantity"),
    ("a[l] = a[l] |= a[l]", "two; check each by itself"),
    ("delta[L] = a[L] |= 1", "two; check each by itself"),
    ("a[l] = a[l|", "']' after the layer, got the end"),
    ("a|= x", "'[' and a layer after a"),
    ("a[|k] = x", "a layer: l, l+1, l-1, L, L-1 or a number"),
    ("a[l+|k] = x", "expected a number"),
    ("a[l+|3] = a[l]", "at most 2"),
    ("a[l|*2] = a[l]", "']' after the layer"),
    ("a[|7] = x", "at most 6"),
    ("a[|1.5] = x", "a layer"),
    ("a[|-1] = x", "a layer"),
    ("|a[0] = x", "there is no layer 0"),
    ("x = |z[1]", "layer 1 is the input"),
    ("|dC/dW[1] = delta[2] @ x.T", "layer 1 is the input"),
    ("|a[L+1] = a[L]", "there is no layer L+1; layer L is the last"),
    ("a[l] = |q", "names none"),
    ("a[l] = |alpha", "names none"),
    ("a[l] = b[l] |b[l]", "an operator or the end"),
    ("2|a[l] = b[l]", "an operator or '='"),
    ("a[l] = b[l] / |z[l]", "a number to divide by"),
    ("a[l] = b[l] / |0", "division by zero"),
    ("a[l] = b[l] / |0.00", "division by zero"),
    ("a[l] = b[l].|t", "'T' after '.'"),
    ("a[l] = b[l]|'", "unexpected character \"'\"; sigma' is written s' or dsigma"),
    ("a[l] = sigma' |z[l]", "'(' after dsigma"),
    ("\N{GREEK SMALL LETTER DELTA}[l] = |\N{PARTIAL DIFFERENTIAL}W[l]", "expected a quantity"),
    (
        "\N{GREEK SMALL LETTER DELTA}[l]\N{MODIFIER LETTER CAPITAL T} |= \N{PARTIAL DIFFERENTIAL}C/"
        "\N{PARTIAL DIFFERENTIAL}z[l]",
        "1 by n_l and n_l by 1",
    ),
    ("a[l] = sigma |z[l]", "'(' after sigma"),
    ("a[l] = sigma(z[l]|", "expected ')'"),
    ("(a[l] |= a[l]", "expected ')'"),
    ("a[l]|) = a[l]", "an operator or '='"),
    ("dC/|dx = W[2].T @ delta[2]", "dW, db, dz or da"),
    ("dC|[l] = a[l]", "'/' after dC"),
    ("C |= 1/2", "a number and a matrix"),
    ("C |= a[l]", "1 by 1 and n_l by 1"),
    ("W[l] = |A", "W is about one sample of a network, A about matrices"),
    ("Cost = |a[L]", "Cost is about parameters and costs, a about one sample of a network"),
    ("|T = 1", "expected a quantity"),
    ("a[l][|1] = 1", "an index"),
    ("a[l][|l] = 1", "an index"),
    ("a[l][|jk] = 1", "an index"),
    ("a[l][j]|[k] = 1", "no subscripts of its own"),
    ("a[l]|[j,k] = 1", "a vector has one subscript, got 2"),
    ("dC/dw[l]|[i] = delta[l][i]*a[l-1][i]", "a matrix has two subscripts, got 1"),
    ("a[l] = 3|[j]", "a number has no subscripts"),
    ("(y.T @ y)|[j] = 1", "a number has no subscripts"),
    ("sum(|2, a[l]) = 1", "an index"),
    ("sum(k |a[l]) = 1", "',' after the index"),
    ("sum(|k, a[l]) = 1", "k has no range"),
    ("sum(k, sum(|k, a[l][k])) = 1", "k is summed already"),
    ("a[l] = b[l] |\N{GREEK SMALL LETTER ALPHA}", "unexpected character '\\u03b1'"),
    ("a[|\N{FULLWIDTH DIGIT THREE}] = x", "unexpected character '\\uff13'"),
    ("a[|\N{ARABIC-INDIC DIGIT THREE}] = x", "unexpected character"),
    ("a[l]|\N{NO-BREAK SPACE}= x", "unexpected character '\\xa0'"),
    ("|__import__('os').system('true') = 1", "names none"),
    ("a[l] = lambda|: 0", "unexpected character ':'"),
    ("a[l] = b[l]|; 1", "unexpected character ';'"),
    ("a[l] = 2*|*b[l]", "expected a quantity"),
    ("a[l] = |1234567890123", "at most 12 digits"),
    ("a[l] = |" + "9" * 300, "at most 12 digits"),
    ("(" * 25 + "|" + "(" * 200, "brackets at most 25 deep"),
    ("sum(j,sum(k,sum(m,sum(n,|sum(o,a[l][o]))))) = 1", "sums at most 4 deep"),
    ("a[l][c]*a[l][d]*a[l][e]*a[l][f]*a[l][|g] = 1", "at most 4 indices"),
    ("a[l] |@ 2 = a[l]", "a number is multiplied with '*'"),
    # shapes
    ("dC/dW[l] |= a[l-1] @ delta[l].T", "n_l by n_(l-1) and n_(l-1) by n_l"),
    ("dC/dW[l] |= delta[l] * a[l]", "n_l by n_(l-1) and n_l by 1"),
    ("dC/dW[l] |= delta[l] @ a[l].T", "n_l by n_(l-1) and n_l by n_l"),
    ("delta[l] = dsigma(z[l]) * (W[l+1] |@ delta[l+1])", "n_(l+1) by n_l and n_(l+1) by 1"),
    ("delta[l] = dsigma(z[l]) |* (W[l].T @ delta[l])", "n_l by 1 and n_(l-1) by 1"),
    ("z[l] = W[l] @ a[l-1] |+ b[l-1]", "n_l by 1 and n_(l-1) by 1"),
    ("z[l] = W[l] |@ a[l] + b[l]", "n_l by n_(l-1) and n_l by 1"),
    ("dC/dW[l] = dsigma(z[l]) |* delta[l] @ a[l-1].T", "'@' binds tighter than '*'"),
    ("delta[l] |= delta[l].T", "n_l by 1 and 1 by n_l"),
    ("dC/dw[l][j,k] = delta[l][j]*a[l-1][|j]", "j runs to n_(l-1) here, but to n_l at column 10"),
    ("delta[l][j] = sum(k, w[l+1][|j,k]*delta[l+1][k])", "j runs to n_(l+1) here, but to n_l at column 10"),
    ("delta[l] |+ y.T @ y = delta[l]", "n_l by 1 and 1 by 1"),
]


@pytest.mark.parametrize(("marked", "message"), MALFORMED, ids=[text[:40] for text, _ in MALFORMED])
def test_the_caret_points_at_the_first_character_to_blame(marked, message):
    text, column = marked.replace("|", "", 1), marked.index("|")
    verdict = check_claim(text)
    assert verdict.outcome is Outcome.MALFORMED
    assert verdict.exit_status == 2
    assert verdict.column == column
    assert message in "\n".join(verdict.lines)
    *_, shown, caret = (line for line in verdict.lines if not line.startswith("note"))
    assert caret.strip() == "^"
    pointed = text[column : column + 1] or " "
    assert (shown + " ")[caret.index("^")] == (pointed if pointed.isprintable() else " ")


def test_what_is_too_long_is_refused_before_it_is_read():
    for text in ("(" * 10_000, "a[l]+" * 100_000, "\N{GREEK SMALL LETTER DELTA}" * 1_000):
        verdict = check_claim(text)
        assert verdict.outcome is Outcome.MALFORMED
        assert verdict.column == MAX_LENGTH
        assert all(len(line) < 150 for line in verdict.lines)


def test_a_malformed_claim_is_bad_input_for_people():
    with pytest.raises(UserError) as caught:
        parse("a[l] =")
    assert isinstance(caught.value, MalformedClaim)
    assert caught.value.at == 6


def test_numbers_are_exact():
    claim = parse("0.1 = 1/3")
    assert claim.left == Number(Fraction(1, 10), 0)
    assert isinstance(claim.right, Times)
    assert [factor.value for factor in claim.right.factors] == [1, Fraction(1, 3)]


def test_an_operator_binds_as_documented():
    difference = parse("a[l] - b[l] * W[l] @ a[l-1] = -a[l].T.T").left
    assert isinstance(difference, Added)
    assert difference.signs == (1, -1)
    product = difference.terms[1]
    assert isinstance(product, Times)
    assert not product.matrix
    inner = product.factors[1]
    assert isinstance(inner, Times)
    assert inner.matrix
    assert inner.factors == (Quantity("w", Layer("l", 0), 14), Quantity("a", Layer("l", -1), 21))


def test_transposing_twice_is_nothing():
    assert parse("a[l].T.T = a[l]").left == Quantity("a", Layer("l", 0), 0)
    assert isinstance(parse("a[l].T.T.T = a[l].T").left, Transpose)


@pytest.mark.parametrize(
    "text", ["W[l] = w[l]", "a[l]=a[l]", "  a[l]\t=\n a[l] ", "dC / dW [ l ] = dC/dw[l]"]
)
def test_spaces_and_the_case_of_w_do_not_matter(text):
    assert check_claim(text).outcome is Outcome.TRUE


@pytest.mark.parametrize(
    ("printed", "plain"),
    [
        ("δ[L] = σ'(z[L]) ∘ (a[L] − y)", "delta[L] = dsigma(z[L]) * (a[L] - y)"),
        ("δ[l] = s'(z[l]) ⊙ (W[l+1]ᵀ @ δ[l+1])", "delta[l] = dsigma(z[l]) * (W[l+1].T @ delta[l+1])"),
        ("∂C/∂W[l] = δ[l] @ a[l-1]ᵀ", "dC/dW[l] = delta[l] @ a[l-1].T"),
        ("∂C/∂b[l] = η * λ * μ * δ[l]", "dC/db[l] = eta * lam * mu * delta[l]"),
        ("a[l] = σ′(z[l])", "a[l] = dsigma(z[l])"),
        ("a[l] = s(z[l])", "a[l] = sigma(z[l])"),
        ("a[l] = σ(z[l])", "a[l] = sigma(z[l])"),
        ("a[l][s] = s(z[l][s])", "a[l][s] = sigma(z[l][s])"),
        ("sum(s, a[l][s]) = 1", "sum(s, a[l][s]) = 1"),
        ("lambda*a[l] = a[l]", "lam*a[l] = a[l]"),
    ],
)
def test_what_the_terminal_prints_is_read_as_the_plain_spelling(printed, plain):
    one, two = check_claim(printed), check_claim(plain)
    assert one.outcome is two.outcome
    assert one.outcome is not Outcome.MALFORMED
    assert one.condition == two.condition
    assert one.lines[1:] == two.lines[1:]


def test_the_range_of_an_index_follows_from_where_it_stands():
    meaning = meaning_of(parse("dC/dw[l][j,k] = sum(m, W[l][j,m]) * a[l-1][k]"))
    assert meaning.free == {"j": Layer("l", 0), "k": Layer("l", -1)}
    assert list(meaning.sums.values()) == [Layer("l", -1)]
    assert meaning.lone == ()


# -- any text at all -----------------------------------------------------------------------------------

WORDS = [
    *("W[l]", "b[l]", "z[l]", "a[l]", "delta[l]", "delta[l+1]", "a[l-1]", "a[L]", "y", "x", "W[l+1]", "a[2]"),
    *(
        "dC/dW[l]",
        "dC/da[l]",
        "dC/db[L]",
        "sigma(",
        "dsigma(",
        "sum(k,",
        "(",
        ")",
        "[j]",
        "[k]",
        "[j,k]",
        ".T",
    ),
    *("@", "*", "+", "-", "/", "=", "2", "1/2", "0", "lam", " ", "l", "L", "[", "]", ",", "dC/", "T", "999"),
]
sentences = st.lists(st.sampled_from(WORDS), max_size=14).map("".join)
equations = st.tuples(sentences, sentences).map(" = ".join)


@settings(max_examples=400)
@given(st.one_of(st.text(max_size=60), sentences, equations))
@example("")
@example("\x00")
@example("\ud800 = a[l]")
@example("a[l] = " + "-" * 390 + "1")
@example("a[l]" + ".T" * 190 + " = 1")
@example("(((((((((((((((((((((((((a[l]))))))))))))))))))))))))) = a[l]")
def test_any_text_gets_a_verdict(text):
    verdict = check_claim(text)
    assert verdict.exit_status == {"true": 0, "malformed": 2}.get(verdict.outcome.value, 1)
    assert verdict.claim == text
    assert all(line.isprintable() for line in verdict.lines)
    assert (verdict.column is not None) or verdict.outcome is not Outcome.MALFORMED
    assert verdict.column is None or 0 <= verdict.column <= len(text)

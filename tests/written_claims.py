"""Random vectors of layer l as texts, each with other spellings of the same vector and with wrong ones."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

NAMES = ("a", "z", "b", "delta", "dC/db", "dC/da")
MISTAKES = (
    ("dsigma", "sigma"),
    ("+", "-"),
    ("a[l]", "z[l]"),
    ("z[l]", "a[l]"),
    ("delta[l]", "dC/da[l]"),
    ("dC/da[l", "dC/dz[l"),
    ("b[l]", "z[l]"),
    ("delta[l+1]", "a[l+1]"),
    ("a[l-1]", "z[l-1]"),
    ("*", "+"),
    ("(", "2*("),
)


@dataclass(frozen=True)
class Written:
    """A vector of layer l + offset: its text, and other spellings of it."""

    text: str
    others: tuple[str, ...] = ()


def _quantity(name: str, offset: int) -> Written:
    at, below = (f"l{shift:+d}" if shift else "l" for shift in (offset, offset - 1))
    found = {
        "delta": [f"dC/dz[{at}]", f"dC/db[{at}]", f"dsigma(z[{at}]) * dC/da[{at}]"],
        "dC/db": [f"delta[{at}]"],
        "z": [f"(W[{at}] @ a[{below}] + b[{at}])"],
        "a": [f"sigma(z[{at}])", f"sigma(b[{at}] + W[{at}] @ a[{below}])"] if offset >= 0 else [],
    }.get(name, [])
    if offset == 0:
        back = "(W[l+1].T @ delta[l+1])"
        found += {"delta": [f"dsigma(z[l]) * {back}"], "dC/da": [back]}.get(name, [])
    return Written(f"{name}[{at}]", tuple(f"({spelled})" for spelled in found))


@st.composite
def vectors(draw: st.DrawFn, offset: int = 0, depth: int = 3) -> Written:
    """Draw a vector of layer l + offset; with offset 0 it may reach for the layers around it."""
    kinds = ["quantity"] * 2
    if depth:
        kinds += ["sum", "difference", "product", "scaled", "inner", "sigma(", "dsigma("]
        kinds += ["(W[l] @ ", "(W[l+1].T @ "] if offset == 0 else []
    kind = draw(st.sampled_from(kinds))
    if kind == "quantity":
        return _quantity(draw(st.sampled_from(NAMES)), offset)
    one = draw(vectors({"(W[l] @ ": -1, "(W[l+1].T @ ": 1}.get(kind, offset), depth - 1))
    if "(" in kind:
        return Written(f"{kind}{one.text})", tuple(f"{kind}{other})" for other in one.others))
    if kind == "scaled":
        return Written(f"(3/2*{one.text})", (f"({one.text} + {one.text}/2)",))
    two = draw(vectors(offset, depth - 1))
    p, q = one.text, two.text
    if kind == "inner":
        return Written(f"({p} * ({q}.T @ {p}))", (f"({p} @ {q}.T @ {p})", f"({p} * ({p}.T @ {q}))"))
    if kind == "difference":
        return Written(f"({p} - {q})", (f"(-({q} - {p}))",))
    operator = "+" if kind == "sum" else "*"
    return Written(f"({p} {operator} {q})", (f"({q} {operator} {p})",))


@st.composite
def claims(draw: st.DrawFn) -> tuple[str, bool]:
    """Draw a claim; the flag says that it is true by construction."""
    vector = draw(vectors())
    other = draw(st.sampled_from((*vector.others, vector.text)))
    possible = [(old, new) for old, new in MISTAKES if old in other]
    mistake = draw(st.sampled_from([None, *possible]))
    if mistake is None:
        return f"{vector.text} = {other}", True
    old, new = mistake
    before, *after = other.split(old)
    at = draw(st.integers(1, len(after)))
    wrong = old.join([before, *after[: at - 1]]) + new + old.join(after[at - 1 :])
    return f"{vector.text} = {wrong}", False

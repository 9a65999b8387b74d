"""Sizes of matrices, found from how a claim puts them together: each letter has rows and columns."""

from __future__ import annotations

from derive.claims.syntax import MalformedClaim

Shape = tuple[str, str]  # rows and columns, each the name of a size

ONE, RESIDUALS, PARAMETERS = "1", "M", "s"
FIXED = (ONE, RESIDUALS, PARAMETERS)
SHAPES = {
    "J": (RESIDUALS, PARAMETERS),
    "p": (PARAMETERS, ONE),
    "h": (PARAMETERS, ONE),
    "r": (RESIDUALS, ONE),
    "y": (RESIDUALS, ONE),
    "F": (RESIDUALS, ONE),
}
_NAMES = ("n", "k", "h", "j", "q", "u", "v", "w")


class Sizes:
    """Which sizes must be the same."""

    def __init__(self) -> None:
        self._same: dict[str, str] = {}
        self._fresh = 0

    def shape(self, letter: str) -> Shape:
        """Return the shape of a letter, unknown unless its meaning says it."""
        return SHAPES.get(letter, (f"{letter} rows", f"{letter} columns"))

    def fresh(self) -> str:
        """Return a size that nothing is known of."""
        self._fresh += 1
        return f"size {self._fresh}"

    def root(self, size: str) -> str:
        """Return the one name that stands for a size and all that equal it."""
        while size in self._same:
            size = self._same[size]
        return size

    def join(self, first: str, second: str, said: str, shapes: tuple[Shape, Shape], at: int) -> None:
        """Make two sizes the same.

        Raises:
            MalformedClaim: if both are fixed and differ; ``said`` and ``shapes`` say what does not fit.
        """
        one, two = self.root(first), self.root(second)
        if one == two:
            return
        if one in FIXED and two in FIXED:
            left, right = (self.text(shape) for shape in shapes)
            raise MalformedClaim(f"{said}: {left} and {right}", at)
        if one in FIXED:
            one, two = two, one
        self._same[one] = two

    def names(self, shapes: list[Shape]) -> dict[str, str]:
        """Name the sizes of some shapes, in order: n, k and so on, unless they are fixed."""
        found: dict[str, str] = {}
        for size in (self.root(size) for shape in shapes for size in shape):
            if size not in found:
                free = len([name for name in found if name not in FIXED])
                found[size] = size if size in FIXED else _NAMES[free] if free < len(_NAMES) else f"n{free}"
        return found

    def text(self, shape: Shape) -> str:
        """Spell a shape for a message; an unknown size is a question mark."""
        return " by ".join(root if (root := self.root(size)) in FIXED else "?" for size in shape)

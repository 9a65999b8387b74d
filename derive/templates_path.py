"""Where the templates lie: beside the package in a checkout, inside it once installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def templates_directory() -> Path:
    """Return the directory that holds ``latex/`` and ``numpy/``.

    Raises:
        FileNotFoundError: naming both places, if the templates are in neither.
    """
    places = (_PACKAGE.parent / "templates", _PACKAGE / "templates")
    for place in places:
        if (place / "latex").is_dir():
            return place
    looked = " or ".join(str(place) for place in places)
    raise FileNotFoundError(f"expected the templates in {looked}; is the package installed whole?")

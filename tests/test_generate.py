"""Writing packages: the same bytes everywhere, nothing half-written, nothing that is not proved."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sympy import Expr, Integer

from derive.architecture import Architecture
from derive.calculus import derivation, rules
from derive.errors import NotProvedError, UserError
from derive.generate import Package, drift, generate, write
from derive.package import render

GENERATED = Path(__file__).parents[1] / "generated"
ARCHITECTURES = {
    path.parent.name: path.parent.name.removeprefix("sigmoid_").replace("_", "-")
    for path in sorted(GENERATED.glob("*/__init__.py"))
}


@pytest.fixture(scope="module")
def package() -> Package:
    return generate("2-2-3-2")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def as_bytes(package: Package) -> dict[str, bytes]:
    return {name: text.encode() for name, text in sorted(package.files.items())}


# -- the same bytes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_checked_in_package_is_what_the_generator_writes_today(name: str) -> None:
    package = generate(ARCHITECTURES[name])
    assert package.name == name
    assert drift(package, GENERATED) == ""
    on_disk = {path.name: path.read_bytes() for path in (GENERATED / name).glob("*.py")}
    assert on_disk == as_bytes(package)


def test_another_process_with_another_hash_seed_writes_the_same_bytes() -> None:
    program = (
        "import hashlib, json; from derive.generate import generate; "
        "files = generate('2-1-2').files; "
        "print(json.dumps({n: hashlib.sha256(t.encode()).hexdigest() for n, t in files.items()}))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in ("0", "1", "2")
    ]
    expected = {name: hashlib.sha256(text).hexdigest() for name, text in as_bytes(generate("2-1-2")).items()}
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert json.loads(out) == expected


def test_a_string_an_architecture_and_a_proof_give_the_same_package(package: Package) -> None:
    assert generate(Architecture((2, 2, 3, 2))).files == package.files
    assert generate(package.proof).files == package.files


def test_bad_architecture_is_refused() -> None:
    with pytest.raises(UserError, match=r"^expected layer sizes like 2-2-3-2"):
        generate("2-2-x")


# -- drift -----------------------------------------------------------------------------------------------


def test_drift_is_empty_after_writing(package: Package, tmp_path: Path) -> None:
    write(package, tmp_path)
    assert drift(package, tmp_path) == ""


def test_drift_shows_one_changed_character(package: Package, tmp_path: Path) -> None:
    path = write(package, tmp_path) / "gradient.py"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("np.subtract(a4, Y, out=d4)", "np.subtract(a4, X, out=d4)"), encoding="utf-8"
    )
    shown = drift(package, tmp_path)
    assert "-    np.subtract(a4, X, out=d4)  # (1.1)\n" in shown
    assert "+    np.subtract(a4, Y, out=d4)  # (1.1)\n" in shown
    assert shown.startswith(f"--- {path}\n+++ gradient.py as generated\n@@ ")
    assert sum(line[0] in "+-" for line in shown.splitlines()) == 4


@pytest.mark.parametrize("change", [lambda text: text.replace(b"\n", b"\r\n"), lambda text: text[:-1]])
def test_drift_sees_changed_line_ends(
    package: Package, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    path = write(package, tmp_path) / "forward.py"
    path.write_bytes(change(path.read_bytes()))
    assert drift(package, tmp_path)


def test_drift_shows_a_missing_file(package: Package, tmp_path: Path) -> None:
    (write(package, tmp_path) / "train.py").unlink()
    shown = drift(package, tmp_path)
    added = [line[1:] for line in shown.splitlines(keepends=True)[3:]]
    assert "".join(added) == package.files["train.py"]


def test_drift_shows_an_extra_file(package: Package, tmp_path: Path) -> None:
    path = write(package, tmp_path) / "old.py"
    path.write_text("stale = 1\n", encoding="utf-8")
    assert drift(package, tmp_path).splitlines()[-1] == "-stale = 1"


def test_drift_of_a_missing_package_shows_all_of_it_and_creates_nothing(
    package: Package, tmp_path: Path
) -> None:
    shown = drift(package, tmp_path / "nowhere")
    assert sum(line.startswith("+++ ") for line in shown.splitlines()) == len(package.files)
    assert not (tmp_path / "nowhere").exists()


# -- writing ---------------------------------------------------------------------------------------------


def test_write_makes_folders_and_leaves_nothing_but_the_package(package: Package, tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "down"
    target = write(package, directory)
    assert target == directory / "sigmoid_2_2_3_2"
    assert contents(target) == as_bytes(package)
    assert list(directory.iterdir()) == [target]


def test_write_replaces_what_it_wrote_and_removes_what_it_no_longer_writes(
    package: Package, tmp_path: Path
) -> None:
    target = write(package, tmp_path)
    (target / "old.py").write_text(package.files["train.py"], encoding="utf-8")
    (target / "train.py").write_text(package.files["train.py"] + "# edited\n", encoding="utf-8")
    assert write(package, tmp_path) == target
    assert contents(target) == as_bytes(package)
    assert list(tmp_path.iterdir()) == [target]


def test_write_leaves_files_alone_that_are_not_its_own(package: Package, tmp_path: Path) -> None:
    target = write(package, tmp_path)
    mine = {"mine.py": b"x = 1\n", "notes.txt": b"remember\n"}
    for name, text in mine.items():
        (target / name).write_bytes(text)
    (target / "data").mkdir()
    (target / "data" / "points.txt").write_bytes(b"1 2\n")
    for force in (False, True):
        write(package, tmp_path, force=force)
        assert (target / "data" / "points.txt").read_bytes() == b"1 2\n"
        assert {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()} == (
            as_bytes(package) | mine
        )


def test_write_refuses_a_foreign_file_in_the_way_unless_forced(package: Package, tmp_path: Path) -> None:
    target = tmp_path / package.name
    target.mkdir()
    (target / "train.py").write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"train\.py was not generated by this tool; use --force to overwrite it$"
    ):
        write(package, tmp_path)
    assert contents(target) == {"train.py": b"x = 1\n"}
    write(package, tmp_path, force=True)
    assert contents(target) == as_bytes(package)


def test_write_refuses_a_file_where_the_folder_should_be(package: Package, tmp_path: Path) -> None:
    (tmp_path / package.name).write_text("a file", encoding="utf-8")
    for force in (False, True):
        with pytest.raises(UserError, match=r"^expected a folder or nothing at .*, got a file"):
            write(package, tmp_path, force=force)
    assert (tmp_path / package.name).read_text(encoding="utf-8") == "a file"


def test_write_below_a_file_is_one_line(package: Package, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file", encoding="utf-8")
    with pytest.raises(UserError, match=r"^cannot write [^\n]+: Not a directory$"):
        write(package, tmp_path / "file" / "below")


def failing(original: Callable[..., Any], calls: Iterator[bool], error: BaseException) -> Callable[..., Any]:
    """Return the function with an error in place of the calls that are not to work."""

    def call(*given: Any, **more: Any) -> Any:
        if next(calls, True):
            return original(*given, **more)
        raise error

    return call


FULL = OSError(28, "No space left on device")
each_error = pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()], ids=["full", "interrupted"])


@each_error
@pytest.mark.parametrize(("place", "at"), [("write_text", 0), ("write_text", 3), ("replace", 0)])
def test_failure_on_the_way_to_a_new_package_leaves_no_trace(
    package: Package,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    at: int,
    error: BaseException,
) -> None:
    monkeypatch.setattr(Path, place, failing(getattr(Path, place), iter([True] * at + [False]), error))
    with pytest.raises(UserError if error is FULL else KeyboardInterrupt) as caught:
        write(package, tmp_path)
    if error is FULL:
        assert str(caught.value) == f"cannot write {tmp_path / package.name}: No space left on device"
    assert list(tmp_path.iterdir()) == []


@each_error
@pytest.mark.parametrize(
    ("place", "at"), [("write_text", 0), ("write_text", 5), ("replace", 0), ("replace", 1)]
)
def test_failure_on_the_way_to_a_newer_package_leaves_the_old_one_whole(
    package: Package,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    at: int,
    error: BaseException,
) -> None:
    older = replace(package, files={name: text + "# older\n" for name, text in package.files.items()})
    target = write(older, tmp_path)
    (target / "mine.py").write_bytes(b"x = 1\n")
    before = contents(target)
    # one call fails, so that putting things back can work
    monkeypatch.setattr(Path, place, failing(getattr(Path, place), iter([True] * at + [False]), error))
    with pytest.raises(UserError if error is FULL else KeyboardInterrupt):
        write(package, tmp_path)
    assert contents(target) == before
    assert list(tmp_path.iterdir()) == [target]


# -- the proof gate --------------------------------------------------------------------------------------


WRONG: dict[str, Callable[[Expr], Expr]] = {
    "with its sign flipped": lambda result: -result,
    "with a factor too many": lambda result: 2 * result,
}


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [
        *[("CHAIN", mistake) for mistake in WRONG],
        ("LINEARITY", "with its sign flipped"),
        *[(rule, "with a factor too many") for rule in ("POWER", "CONSTANT", "EXCHANGE", "COORDINATES")],
    ],
)
def test_nothing_is_emitted_from_a_wrong_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, mistake: str
) -> None:
    def open_partial(*given: Any) -> rules.Opening:
        opening = right(*given)
        if opening.rule != getattr(rules, rule):
            return opening
        return replace(opening, combine=lambda *parts: WRONG[mistake](opening.combine(*parts)))

    right = rules.open_partial
    monkeypatch.setattr(rules, "open_partial", open_partial)
    monkeypatch.setattr(derivation, "open_partial", open_partial)
    with pytest.raises(NotProvedError, match=r"^not proved for 2-1-2: .*; nothing is emitted$"):
        write(generate("2-1-2"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_emitted_where_the_activations_derivative_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "SigmaPrime", lambda *given: Integer(1))
    with pytest.raises(NotProvedError, match=r"nothing is emitted$"):
        write(generate("2-1-2"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_rendered_from_a_proof_in_which_one_claim_fails(package: Package) -> None:
    for position, verdict in enumerate(package.proof.verdicts):
        verdicts = list(package.proof.verdicts)
        verdicts[position] = replace(verdict, holds=False)
        refuted = replace(package.proof, verdicts=tuple(verdicts))
        for emit in (generate, render):
            with pytest.raises(NotProvedError, match="nothing is emitted"):
                emit(refuted)

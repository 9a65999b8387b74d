"""How the command takes its words, shows its help and ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from derive import cli
from derive.commands import app

COMMANDS = list(app.commands)


def run(monkeypatch, *words):
    """Run the command in this process and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["derive", *words])
    with pytest.raises(SystemExit) as exit_info:
        cli.main()
    return exit_info.value.code


WRONG = [
    (["--bogus"], "no such option", "derive"),
    (["bogus"], "no such command 'bogus'", "derive"),
    (["prove"], "missing argument 'ARCHITECTURE'", "derive prove"),
    (["verify"], "missing argument 'DIR'", "derive verify"),
    (["prove", "2-2", "3-3"], "got unexpected extra argument (3-3)", "derive prove"),
    (["prove", "2-2", "--cots", "huber"], "--cost", "derive prove"),
    (["prove", "-2-2"], "-2", "derive prove"),
    (["prove", "2-2", "--cost"], "option '--cost' requires an argument", "derive prove"),
    (["prove", "2-2", "--steps=1"], "option '--steps' does not take a value", "derive prove"),
    (
        ["exercise", "--seed", "x"],
        "invalid value for '--seed': 'x' is not a valid integer",
        "derive exercise",
    ),
    (["demo", "--steps", "0"], "invalid value for '--steps': 0 is not in the range x>=1", "derive demo"),
    (["latex", "--a\nb"], "no such option", "derive latex"),
]


@pytest.mark.parametrize(("words", "said", "command"), WRONG, ids=[" ".join(words) for words, *_ in WRONG])
def test_wrong_words_get_one_line_that_says_where_to_read_and_status_2(
    monkeypatch, capsys, words, said, command
):
    assert run(monkeypatch, *words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("derive: ")
    assert said in err
    assert err.endswith(f" (try: {command} --help)\n")
    assert "\x1b" not in err  # colours are for a terminal


def test_wrong_words_show_no_traceback_in_a_process():
    command = [sys.executable, "-m", "derive", "prove", "--bogus", "2-2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_what_came_is_shown_as_it_came(monkeypatch, capsys):
    assert run(monkeypatch, "prove", "2-3:x:-2") == 2
    assert "got '2-3:x:-2'" in capsys.readouterr().err


def help_of(monkeypatch, capsys, *words):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(monkeypatch, *words, "--help") == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_a_terminal_and_shows_no_markup(monkeypatch, capsys, command):
    said = help_of(monkeypatch, capsys, *command.split())
    assert all(len(line) <= 80 for line in said.splitlines())
    assert not any(line.endswith("-") for line in said.splitlines())  # no name is broken
    for markup in ("[bold", "[/", "\\", "\b", "\x1b", "─", "│"):
        assert markup not in said


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_examples_each_on_a_line(monkeypatch, capsys, command):
    end = help_of(monkeypatch, capsys, command).partition("\n  Example")[2].splitlines()
    assert end[0] in (":", "s:")
    assert len(end) > 1
    assert all(line.startswith(f"    derive {command}") for line in end[1:])


def test_help_tells_what_arguments_are(monkeypatch, capsys):
    for command, text in {
        "prove": "Layers, input first",
        "verify": "The folder of",
        "check": "An equation",
    }.items():
        assert help_of(monkeypatch, capsys, command).count(text) == 1


def test_help_keeps_the_paragraphs_of_check(monkeypatch, capsys):
    said = help_of(monkeypatch, capsys, "check")
    assert "dC/dW[l] ...\n  sigma(.) dsigma(.) @ * .T sum(k, .)," in said
    assert "L or a number.\n\n  Matrices: " in said
    assert "lm.step(mu) lm.next(p).\n\n  Parameters" in said


def test_commands_are_listed_in_their_order_with_a_whole_sentence(monkeypatch, capsys):
    listed = help_of(monkeypatch, capsys).partition("Commands:\n")[2]
    names = [line.split()[0] for line in listed.splitlines() if not line.startswith("   ")]
    assert names == COMMANDS
    assert names[0] == "prove"
    assert "exit status 1 if anything is\n            refuted." in listed
    assert "..." not in listed


def test_the_command_alone_shows_help_and_ends_with_2(monkeypatch, capsys):
    assert run(monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out.startswith("Usage: derive [OPTIONS] COMMAND [ARGS]...\n")
    assert "Commands:" in out
    assert err == ""


def test_a_shell_gets_no_completion(monkeypatch, capsys):
    monkeypatch.setenv("_DERIVE_COMPLETE", "bash_source")
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("backproof ")


def taken(command, *words):
    """Return the values that a command is called with."""
    return (
        app.commands[command].make_context(command, list(words), parent=app.make_context("derive", [])).params
    )


def test_options_stand_anywhere_and_some_are_repeated():
    plain = taken("generate", "2-2")
    assert (plain["extras"], plain["activation"], str(plain["output"])) == ((), (), ".")
    assert (plain["cost"], plain["target"], plain["check"]) == ("quadratic", "numpy", False)
    found = taken("generate", "--with", "hessian", "-ofolder", "2-2", "--check", "--with=products", "-v")
    assert found["architecture"] == "2-2"
    assert found["extras"] == ("hessian", "products")
    assert str(found["output"]) == "folder"
    assert found["check"]
    assert found["verbose"]
    own = taken("prove", "--activation", "f: z", "2-2", "--activation", "g: -z")
    assert own["activation"] == ("f: z", "g: -z")
    assert taken("exercise", "-k", "gap", "--kind", "rule")["kind"] == ("gap", "rule")


def test_what_begins_with_a_minus_is_a_number_or_stands_behind_two():
    assert taken("exercise", "--seed", "-3", "-n", "-2") == taken("exercise") | {"seed": -3, "count": -2}
    assert taken("check", "--", "-C = C")["claim"] == "-C = C"


def test_an_interrupt_ends_with_130(monkeypatch, capsys):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("derive.version.tool_version", interrupt)
    assert run(monkeypatch, "--version") == 130
    assert capsys.readouterr().err == "Aborted.\n"


@pytest.mark.skipif(os.name == "nt", reason="pipes are of another kind there")
@pytest.mark.parametrize("words", ["--help", "theorems woodbury", "latex 2-2", "exercise --list"])
def test_a_closed_pipe_ends_the_command_quietly_with_141(words):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        command = [sys.executable, "-m", "derive", *words.split()]
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 141

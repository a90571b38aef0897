"""What needs no coercion gets none; what does gets typer's own, with its complaints."""

from __future__ import annotations

from typing import Annotated

import pytest
import typer

from wfc.cli.coercion import Patient, be_patient
from wfc.cli.common import Color, command_app


def answers(*words: str) -> list[object]:
    """Parse words as a command with an option of each kind does."""
    app, given = command_app(), list[object]()

    @app.command()
    def command(
        names: Annotated[list[str], typer.Argument()] = [],  # noqa: B006 - typer copies it
        *,
        text: str = "",
        maybe: str | None = None,
        many: list[str] = [],  # noqa: B006 - likewise
        number: Annotated[int, typer.Option(min=1)] = 50,
        color: Color = Color.AUTO,
    ) -> None:
        given.extend([names, text, maybe, many, number, color])

    made = typer.main.get_command(app)
    be_patient(made)
    made.main(args=list(words), standalone_mode=False)
    return given


def test_defaults_are_given_as_they_are_declared() -> None:
    assert answers() == [[], "", None, [], 50, Color.AUTO]


def test_words_become_values_of_the_annotated_type() -> None:
    words = ("a", "b", "--text", "42", "--maybe", "x", "--many", "1", "--many", "2")
    given = answers(*words, "--number", "7", "--color", "never")
    assert given == [["a", "b"], "42", "x", ["1", "2"], 7, Color.NEVER]


@pytest.mark.parametrize("words", [("--number", "0"), ("--number", "many"), ("--color", "pink")])
def test_what_does_not_fit_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(typer.BadParameter):
        answers(*words)


def test_the_real_coercion_is_not_made_for_text() -> None:
    """The door by which typer asks is left as it was found."""
    app = command_app()

    @app.command()
    def command(text: str = "") -> None:
        assert text == "a"

    made = typer.main.get_command(app)
    be_patient(made)
    made.main(args=["--text", "a"], standalone_mode=False)
    assert isinstance(made.params[0]._runtime_param, Patient)  # type: ignore[attr-defined]  # private

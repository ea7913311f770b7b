"""The session layer: each script runs on PostgreSQL and on ours, and the answers are the same, message by message."""

from __future__ import annotations

import pytest

from tests.integration.session_scripts import SCRIPTS
from tests.support.scripts import answers
from tests.support.targets import REFEREE, Target, Targets


def without_late_columns(found: list[str]) -> list[str]:
    """PostgreSQL describes the columns of a query that then fails; ours runs it up to its first rows before."""
    return [
        line
        for line, next_line in zip(found, [*found[1:], ""], strict=True)
        if not (line[0] == "T" and next_line[0:1] == "E")
    ]


@pytest.mark.parametrize("name", SCRIPTS)
def test_as_postgresql(targets: Targets, our_target: Target, name: str) -> None:
    with targets.get(REFEREE).raw() as client:
        expected = answers(client, SCRIPTS[name])
    with our_target.raw() as client:
        assert without_late_columns(answers(client, SCRIPTS[name])) == without_late_columns(expected)

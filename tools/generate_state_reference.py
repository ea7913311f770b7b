"""Writes docs/reference/state.md from the tables in python/pgwire_py/state.py.

Usage: python tools/generate_state_reference.py
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import pairwise
from pathlib import Path

from pgwire_py import state
from pgwire_py.state import ANSWERS, ASYNCHRONOUS, BACKEND, FATAL, FIRST, FRONTEND, IGNORED, START_UP, Kind, Phase, Step

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "state.md"

HEAD = """# State of a connection

Made by `tools/generate_state_reference.py` from `python/pgwire_py/state.py`, which is what both connections obey.

**F** is a message of the frontend, **B** one of the backend. Left out of the diagrams: NoticeResponse, NotificationResponse and
ParameterStatus, which come at any time after authentication and change nothing, and an ErrorResponse of severity FATAL or PANIC, which
closes the connection in every phase.
"""

TABLES = """## Every phase

What is in no column is illegal: a `LocalProtocolError` for who sends it, a `RemoteProtocolError` for who receives it. Where the frontend
may send nothing, its messages wait; it may write requests ahead while one is being answered. What the backend drops, it drops because it
may have been sent in ignorance: a frontend that knows may not send it.
"""

ANSWERS_HEAD = """## What each request expects

A frontend keeps its requests in flight in a FIFO, and walks this for the oldest. A backend message is legal where both its phase and
this allow it. `done` is the end of one request; the next begins. An ErrorResponse inside a batch removes the requests up to the next
Sync.
"""

COPYING = frozenset(
    {
        Phase.COPY_IN,
        Phase.COPY_OUT,
        Phase.COPY_BOTH,
        Phase.COPY_BOTH_IN,
        Phase.EXTENDED_COPY_IN,
        Phase.EXTENDED_COPY_OUT,
    }
)

SILENT = ASYNCHRONOUS | {FATAL}

Edges = dict[tuple[str, str], list[str]]


def render() -> str:
    """The whole document."""
    queries = frozenset(Phase) - START_UP - COPYING
    parts = [
        HEAD,
        "## Start-up\n",
        _diagram(_edges(START_UP, START_UP | {Phase.IDLE, Phase.CLOSED})),
        "## Queries\n",
        _diagram(_edges(queries, queries)),
        "## COPY\n",
        _diagram(
            _edges(
                COPYING | {Phase.SIMPLE, Phase.EXTENDED},
                COPYING | {Phase.SIMPLE, Phase.EXTENDED, Phase.SKIPPING},
                COPYING,
            )
        ),
        TABLES,
        *_phase_table(),
        ANSWERS_HEAD,
        _diagram(_answer_edges()),
    ]
    return "\n".join(parts)


def _edges(sources: Iterable[Phase], targets: frozenset[Phase], one_of: frozenset[Phase] | None = None) -> Edges:
    """The labels between phases; with ``one_of``, only of edges that begin or end there."""
    edges: Edges = {}
    for source in (phase for phase in Phase if phase in sources):
        for side, table in (("F", FRONTEND), ("B", BACKEND)):
            for target in Phase:
                names = [_name(kind) for kind, to in table[source].items() if to is target and kind not in SILENT]
                if names and target in targets and (one_of is None or {source, target} & one_of):
                    edges.setdefault((source.value, target.value), []).append(f"{side} {', '.join(names)}")
    return edges


def _answer_edges() -> Edges:
    edges: Edges = {}
    for kind, step in FIRST.items():
        edges.setdefault(("[*]", step.value), []).append(f"F {_name(kind)}")
    for step, row in ANSWERS.items():
        for target in Step:
            names = [_name(kind) for kind, to in row.items() if to is target]
            if names:
                edges.setdefault((step.value, target.value), []).append(f"B {', '.join(names)}")
    return edges


def _diagram(edges: Edges) -> str:
    lines = [f"    {source} --> {target}: {'<br>'.join(labels)}" for (source, target), labels in edges.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```", ""])


def _phase_table() -> Iterator[str]:
    meanings = _docstrings(Phase)
    yield "| phase | meaning | the frontend sends | the backend sends | the backend drops |\n|---|---|---|---|---|"
    for phase in Phase:
        cells = [
            f"`{phase.value}`",
            meanings[phase.name],
            _cell(FRONTEND[phase], phase),
            _cell({kind: to for kind, to in BACKEND[phase].items() if kind not in SILENT}, phase),
            ", ".join(sorted(_name(kind) for kind in IGNORED.get(phase, ()))),
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _cell(row: Mapping[Kind, Phase], phase: Phase) -> str:
    """Messages by the phase that they lead to."""
    parts = []
    for target in Phase:
        names = ", ".join(_name(kind) for kind, to in row.items() if to is target)
        if names:
            parts.append(names if target is phase else f"{names} → `{target.value}`")
    return "; ".join(parts)


def _name(kind: Kind) -> str:
    return f"{kind[0].__name__} {kind[1]}" if isinstance(kind, tuple) else kind.__name__


def _docstrings(kind: type[Enum]) -> dict[str, str]:
    """Name of a member → the string behind its assignment."""
    tree = ast.parse(Path(state.__file__).read_text(encoding="utf-8"))
    (body,) = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__]
    found = {}
    for assignment, text in pairwise(body):
        if isinstance(assignment, ast.Assign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            assert isinstance(assignment.targets[0], ast.Name)
            found[assignment.targets[0].id] = str(text.value.value)
    return found


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")

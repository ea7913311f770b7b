"""The generated table of types against the catalogues of real servers."""

from __future__ import annotations

from tools.generate_types import QUERY

from pgwire_py import _type_table
from tests.support import raw
from tests.support.typed import Server


def test_the_table_is_what_pg_type_says(server: Server) -> None:
    server.client.send(raw.query(QUERY))
    rows = [
        tuple((value or b"").decode() for value in answer.row)
        for answer in server.client.until_ready()
        if answer.tag == "D"
    ]
    known = {str(row[0]): tuple(map(str, row)) for row in _type_table.ROWS}
    if server.version < 16:  # which widened aclitem
        known["1033"] = next(row for row in rows if row[0] == "1033" and row[1:3] == ("aclitem", "12"))
    assert len(rows) > 180
    assert [known.get(row[0]) for row in rows] == rows
    if server.version == 18:
        assert len(rows) == len(known)

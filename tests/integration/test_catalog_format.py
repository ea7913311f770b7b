"""``format()`` and ``concat()`` in catalogue queries: PostgreSQL's texts and errors."""

from __future__ import annotations

import pytest

from tests.support.raw import query
from tests.support.targets import Target


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("format('%s %s %s', true, 1 = 2, null::bool)", "t f "),
        ("format('%L %I %s', true, false, 'pg_class'::regclass)", "'t' f pg_class"),
        ("format('%s|%s', 12, array[1, 2])", "12|{1,2}"),
        ("concat(true, '-', 1, null, 1 > 2)", "t-1f"),
        ("format('[%10s] [%-10s] [%--4s]', 'foo', 'bar', 'x')", "[       foo] [bar       ] [x   ]"),
        ("format('[%*s] [%-*s]', 6, 'foo', 5, 'bar')", "[   foo] [bar  ]"),
        ("format('[%*s] [%*s] [%-*s]', -6, 'foo', null, 'bar', -5, 'x')", "[foo   ] [bar] [x    ]"),
        ("format('[%2$*1$s] [%s]', '5', 'a', 'b')", "[    a] [b]"),
        ("format('[%1$*3$L] [%*1$s]', 2, 'a', 4)", "[ '2'] [ a]"),
        ("format('[%*2$s]', 'x', ' +7 ', 'y')", "[      y]"),
        ("format('[%10I] [%-6L] [%5L]', 'Foo bar', null, 'it''s')", "[ \"Foo bar\"] [NULL  ] ['it''s']"),
        ("format('[%5s] [%-5s]', null, 'é€')", "[     ] [é€   ]"),
        ("format('%s %1$s %s %%', 'a', 'b')", "a a b %"),
        ("format('[%010s] [%0s]', 'x', 'y')", "[         x] [y]"),
        ("format('none')", "none"),
        ("format(null, 1)", "NULL"),
        ("format('%')", "22023"),
        ("format('%5')", "22023"),
        ("format('%-')", "22023"),
        ("format('%*')", "22023"),
        ("format('%*1', 1)", "22023"),
        ("format('%*1$', 1)", "22023"),
        ("format('%1$', 1)", "22023"),
        ("format('%*1s', 1)", "22023"),
        ("format('%0$s', 1)", "22023"),
        ("format('%*0$s', 1)", "22023"),
        ("format('%5-s', 1)", "22023"),
        ("format('%-5$s', 1)", "22023"),
        ("format('%d', 1)", "22023"),
        ("format('%s')", "22023"),
        ("format('%*s', 1)", "22023"),
        ("format('%3$s', 1, 2)", "22023"),
        ("format('%I', null::text)", "22004"),
        ("format('%*s', 'x', 1)", "22P02"),
        ("format('%*s', true, 1)", "22P02"),
        ("format('%99999999999s', 1)", "22003"),
        ("format('%99999999999$s', 1)", "22003"),
        ("format('%*s', '99999999999', 1)", "22003"),
        ("format('%*s', '-2147483648', 1)", "22003"),
        ("format('%*s', '-99999999999', 1)", "22003"),
    ],
)
def test_format(target: Target, call: str, expected: str) -> None:
    with target.raw() as client:
        client.send(query(f"select {call} from pg_catalog.pg_am where amname = 'heap'"))
        answer = next(answer for answer in client.until_ready() if answer.tag in "DE")
    shown = str(answer)[2:]
    assert shown == expected


@pytest.mark.parametrize(
    "call", ["format('%2000000000s', 1)", "format('%*s', -2000000000, 1)", f"format('{'%1$9999s' * 1000}', 1)"]
)
def test_a_long_result_takes_no_memory(our_target: Target, call: str) -> None:
    with our_target.raw() as client:
        assert client.exchange(query(f"select length({call}) from pg_catalog.pg_am")) == ["E 54000", "Z I"]

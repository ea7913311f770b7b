"""Run-time parameters: values and errors as PostgreSQL 15 gives them, and what a transaction undoes."""

import pytest

from pgwire_py.errors import PostgresError
from pgwire_py.server.settings import REPORTED, Defaults, Settings


@pytest.fixture
def settings() -> Settings:
    return Settings(Defaults("15.4 (test)"), {"session_authorization": "me"})


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("statement_timeout", "1min", "1min"),
        ("statement_timeout", "90s", "90s"),
        ("statement_timeout", "5", "5ms"),
        ("statement_timeout", "0", "0"),
        ("work_mem", "1GB", "1GB"),
        ("work_mem", "1000", "1000kB"),
        ("enable_seqscan", "of", "off"),
        ("enable_seqscan", "T", "on"),
        ("ENABLE_SEQSCAN", "yes", "on"),
        ("extra_float_digits", "3", "3"),
        ("bytea_output", "HEX", "hex"),
        ("client_encoding", "'utf-8'", "UTF8"),
        ("client_encoding", "unicode", "UTF8"),
        ("DateStyle", "ISO", "ISO, MDY"),
        ("DateStyle", "iso, dmy", "ISO, DMY"),
        ("TimeZone", "europe/berlin", "Europe/Berlin"),
        ("TimeZone", "Europe/Berlin", "Europe/Berlin"),
        ("TimeZone", "utc", "UTC"),
        ("TimeZone", "-7", "<-07>+07"),
        ("TimeZone", "5.5", "<+05:30>-05:30"),
        ("TimeZone", "INTERVAL '-08:00'", "<-08>+08"),
        ("TimeZone", "interval '25:10:05'", "<+25:10:05>-25:10:05"),
        ("TimeZone", "foo-3bar", "FOO-3BAR"),
        ("TimeZone", "<+03>-03", "<+03>-03"),
        ("TimeZone", "EST5EDT,M3.2.0,M11.1.0", "EST5EDT,M3.2.0,M11.1.0"),
        ("DateStyle", "german", "German, DMY"),
        ("DateStyle", "sql", "SQL, MDY"),
        ("DateStyle", "euro,postgresql", "Postgres, DMY"),
        ("DateStyle", "sql,default", "SQL, MDY"),
        ("DateStyle", "", "ISO, MDY"),
        ("IntervalStyle", "ISO_8601", "iso_8601"),
        ("bytea_output", "Escape", "escape"),
        ("client_encoding", "iso-8859-15", "LATIN9"),
        ("client_encoding", "Windows-1252", "WIN1252"),
        ("client_encoding", "koi8", "KOI8R"),
        ("client_encoding", "sql_ascii", "SQL_ASCII"),
        ("my.own", "x y", "x y"),
        ("default_transaction_isolation", "Serializable", "serializable"),
        ("synchronous_commit", "off", "off"),
        ("seq_page_cost", "1.5", "1.5"),
    ],
)
def test_set_then_show(settings: Settings, name: str, value: str, shown: str | None) -> None:
    if shown is None:
        with pytest.raises(PostgresError, match="invalid value for parameter"):
            settings.set(name, value)
        return
    assert settings.set(name, value) == shown
    assert settings.show(name.lower()) == shown


@pytest.mark.parametrize(
    ("name", "value", "sqlstate", "message"),
    [
        ("foo", "1", "42704", 'unrecognized configuration parameter "foo"'),
        ("statement_timeout", "abc", "22023", 'invalid value for parameter "statement_timeout": "abc"'),
        ("statement_timeout", "10x", "22023", 'invalid value for parameter "statement_timeout": "10x"'),
        (
            "statement_timeout",
            "-5",
            "22023",
            '-5 ms is outside the valid range for parameter "statement_timeout" (0 .. 2147483647)',
        ),
        (
            "extra_float_digits",
            "99",
            "22023",
            '99 is outside the valid range for parameter "extra_float_digits" (-15 .. 3)',
        ),
        ("bytea_output", "x", "22023", 'invalid value for parameter "bytea_output": "x"'),
        ("enable_seqscan", "maybe", "22023", 'parameter "enable_seqscan" requires a Boolean value'),
        ("enable_seqscan", "o", "22023", 'parameter "enable_seqscan" requires a Boolean value'),
        ("server_version", "1", "55P02", 'parameter "server_version" cannot be changed'),
        ("TimeZone", "Nowhere/X", "22023", 'invalid value for parameter "TimeZone": "Nowhere/X"'),
        ("TimeZone", "../etc/passwd", "22023", 'invalid value for parameter "TimeZone": "../etc/passwd"'),
        ("client_encoding", "klingon", "22023", 'invalid value for parameter "client_encoding": "klingon"'),
        ("client_encoding", "SJIS", "0A000", 'invalid value for parameter "client_encoding": "SJIS"'),
        ("DateStyle", "iso, sql", "22023", 'invalid value for parameter "DateStyle": "iso, sql"'),
        ("DateStyle", "foo", "22023", 'invalid value for parameter "DateStyle": "foo"'),
        ("IntervalStyle", "foo", "22023", 'invalid value for parameter "IntervalStyle": "foo"'),
        ("TimeZone", "", "22023", 'invalid value for parameter "TimeZone": ""'),
        ("TimeZone", "168", "22023", 'invalid value for parameter "TimeZone": "168"'),
        ("TimeZone", "right/UTC", "22023", 'time zone "right/UTC" appears to use leap seconds'),
        (
            "standard_conforming_strings",
            "off",
            "0A000",
            'parameter "standard_conforming_strings" cannot be set to "off": only "on" is supported',
        ),
    ],
)
def test_refused(settings: Settings, name: str, value: str, sqlstate: str, message: str) -> None:
    with pytest.raises(PostgresError) as caught:
        settings.set(name, value)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


def test_unit_hint(settings: Settings) -> None:
    with pytest.raises(PostgresError) as caught:
        settings.set("statement_timeout", "10x")
    assert caught.value.hint == 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".'


def test_rollback_undoes_and_commit_keeps_but_for_local(settings: Settings) -> None:
    settings.set("work_mem", "1MB")
    settings.begin()
    settings.set("work_mem", "2MB")
    settings.set("application_name", "x")
    settings.end(commit=False)
    assert settings.show("work_mem") == "1MB"
    assert settings.show("application_name") == ""
    settings.begin()
    settings.set("work_mem", "3MB")
    settings.set("application_name", "y", local=True)
    settings.end(commit=True)
    assert settings.show("work_mem") == "3MB"
    assert settings.show("application_name") == ""


def test_reset(settings: Settings) -> None:
    settings.set("work_mem", "1MB")
    settings.set("application_name", "x")
    settings.reset("work_mem")
    assert settings.show("work_mem") == "4MB"
    settings.reset_all()
    assert settings.show("application_name") == ""
    with pytest.raises(PostgresError):
        settings.reset("nope")


def test_changes_of_reported_parameters_are_told_once(settings: Settings) -> None:
    assert settings.take_changes() == {}
    settings.set("application_name", "x")
    settings.set("work_mem", "1MB")
    assert settings.take_changes() == {"application_name": "x"}
    assert settings.take_changes() == {}
    assert [name for name, _ in settings.reported()] == list(REPORTED)


def test_all_is_sorted_and_described(settings: Settings) -> None:
    rows = settings.all()
    assert [row[0].lower() for row in rows] == sorted(row[0].lower() for row in rows)
    assert ("server_version", "15.4 (test)", "Shows the server version.") in rows
    assert {name: value for name, value, _ in rows}["server_version_num"] == "150004"


def test_set_then_set_local_keeps_the_first_at_commit(settings: Settings) -> None:
    settings.begin()
    settings.set("application_name", "s")
    settings.set("application_name", "k", local=True)
    assert settings.show("application_name") == "k"
    settings.end(commit=True)
    assert settings.show("application_name") == "s"


def test_rollback_to_a_savepoint_undoes_what_was_set_since(settings: Settings) -> None:
    settings.begin()
    settings.set("application_name", "a")
    settings.savepoint()
    settings.set("application_name", "b")
    settings.savepoint()
    settings.set("application_name", "c")
    settings.rollback_to(0)
    assert settings.show("application_name") == "a"
    settings.set("application_name", "d")
    settings.rollback_to(0)
    assert settings.show("application_name") == "a"
    settings.release(0)
    settings.end(commit=True)
    assert settings.show("application_name") == "a"


def test_parameters_of_a_transaction_end_with_it(settings: Settings) -> None:
    settings.set("transaction_read_only", "on")
    assert settings.show("transaction_read_only") == "off"
    settings.begin()
    settings.set("transaction_read_only", "on")
    assert settings.show("transaction_read_only") == "on"
    settings.end(commit=True)
    assert settings.show("transaction_read_only") == "off"


def test_what_a_date_style_leaves_open_stays(settings: Settings) -> None:
    for value, shown in (
        ("german", "German, DMY"),
        ("ymd", "German, YMD"),
        ("iso", "ISO, YMD"),
        ("default", "ISO, MDY"),
    ):
        assert settings.set("DateStyle", value) == shown


@pytest.mark.parametrize(
    ("name", "value", "detail"),
    [
        ("DateStyle", "foo", 'Unrecognized key word: "foo".'),
        ("DateStyle", "mdy, dmy", 'Conflicting "datestyle" specifications.'),
        ("TimeZone", "200", "UTC timezone offset is out of range."),
        ("TimeZone", "INTERVAL '1 day'", "Cannot specify days in time zone interval."),
        ("TimeZone", "INTERVAL '1 month'", "Cannot specify months in time zone interval."),
        ("client_encoding", "mule_internal", "Conversion between MULE_INTERNAL and UTF8 is not supported."),
    ],
)
def test_details_of_refusals(settings: Settings, name: str, value: str, detail: str) -> None:
    with pytest.raises(PostgresError) as caught:
        settings.set(name, value)
    assert caught.value.detail == detail


def test_the_coding_follows_the_settings_and_is_shared(settings: Settings) -> None:
    start = settings.coding
    assert (start.style, start.encoding) == (None, None)
    settings.begin()
    settings.set("DateStyle", "German", local=True)
    assert settings.coding is not start
    settings.end(commit=True)
    assert settings.coding is start
    settings.set("extra_float_digits", "3")
    assert settings.coding is start
    settings.set("client_encoding", "latin1")
    assert settings.coding.encoding is not None
    assert settings.take_changes() == {"client_encoding": "LATIN1"}

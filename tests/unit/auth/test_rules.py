"""pgwire_py.auth.rules and lines: what a file means, what is wrong with one, and which rule a connection gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgwire_py.auth import ClientInfo, HostBasedRules, HostRule, Token
from pgwire_py.auth.interfaces import interfaces
from pgwire_py.auth.lines import MAX_INCLUDE_DEPTH, read_lines, split_line
from pgwire_py.auth.patterns import MAX_MATCHED_NAME

NEAR = "127.0.0.1"


def fields(text: str) -> list[list[str]]:
    line = split_line(text)
    return [] if line is None else [[token.text for token in values] for values in line.fields]


class TestLines:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", []),
            ("  # nothing", []),
            ("a b\tc", [["a"], ["b"], ["c"]]),
            ("a,b , c d", [["a", "b"], ["c"], ["d"]]),
            ("a, b c", [["a", "b"], ["c"]]),
            ('"a b" "c,d" "e#f" g#h', [["a b"], ["c,d"], ["e#f"], ["g"]]),
            ('"say ""hi""" x"y z"', [['say "hi"'], ["xy z"]]),
            ('"" a', [[""], ["a"]]),
            ('"never closed # here', [["never closed # here"]]),
            (",,a,,b", [["a", "b"]]),
        ],
    )
    def test_fields(self, text: str, expected: list[list[str]]) -> None:
        assert fields(text) == expected

    def test_what_is_quoted(self) -> None:
        line = split_line('all "all" a"ll"')
        assert line is not None
        assert [values[0].quoted for values in line.fields] == [False, True, False]

    def test_lines_that_go_on(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_bytes(b"\xef\xbb\xbf# head\r\na \\\r\n b \\\n# c\\\nd\n\ne\\")
        assert [(line.where, [t[0].text for t in line.fields]) for line in read_lines(path)] == [
            (f"{path}:2", ["a", "b"]),
            (f"{path}:7", ["e"]),
        ]

    def test_included_files(self, tmp_path: Path) -> None:
        (tmp_path / "names").write_text("ada, bob\n@more # comment\n")
        (tmp_path / "more").write_text('"@eve"\n')
        (tmp_path / "d").mkdir()
        for name in ("b.conf", "a.conf", "c.txt", ".x.conf"):
            (tmp_path / "d" / name).write_text(f"from {name}\n")
        (tmp_path / "main").write_text(
            "first @names @\ninclude other\ninclude_if_exists none\ninclude_dir d\ninclude names too\n"
        )
        (tmp_path / "other").write_text("second\n")
        assert [[[t.text for t in values] for values in line.fields] for line in read_lines(tmp_path / "main")] == [
            [["first"], ["ada", "bob", "@eve"], ["@"]],
            [["second"]],
            [["from"], ["a.conf"]],
            [["from"], ["b.conf"]],
            [["include"], ["names"], ["too"]],
        ]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("x\ninclude none\n", "f:2: cannot include .*none: No such file"),
            ("@none\n", "f:1: cannot read .*none: No such file"),
            ("include f\n", f"more than {MAX_INCLUDE_DEPTH} files deep"),
            ("@f\n", f"more than {MAX_INCLUDE_DEPTH} files deep"),
            ("include a,b\n", "f:1: multiple values"),
            (b"a\n\xff\n", "f:2: not UTF-8"),
        ],
    )
    def test_wrong_files(self, tmp_path: Path, text: str | bytes, problem: str) -> None:
        path = tmp_path / "f"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ValueError, match=problem):
            read_lines(path)


class TestRule:
    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("remote all all all trust", 'invalid connection type "remote"'),
            ("host,local all all all trust", "multiple values specified for connection type"),
            ("host", "end-of-line before database specification"),
            ("host all", "end-of-line before role specification"),
            ("host all all", "end-of-line before IP address specification"),
            ("host all all 10.0.0.0", "end-of-line before netmask specification"),
            ("host all all 10.0.0.0/8", "end-of-line before authentication method"),
            ("host all all 10.0.0.0/33 trust", "invalid CIDR mask in address"),
            ("host all all 10.0.0.0/٣ trust", "invalid CIDR mask in address"),
            ("host all all db.example/8 trust", "both host name and CIDR mask"),
            ("host all all db.example trust", "host names are not supported"),
            ('host all all "samenet" trust', "host names are not supported"),
            ("host all all 10.0.0.0 :: trust", "do not match"),
            ("host all all 10.0.0.0 wide trust", 'invalid IP mask "wide"'),
            ("host all all 1.1.1.1,2.2.2.2 trust", "multiple values specified for host address"),
            ("local all all trust,md5", "multiple values specified for authentication type"),
            ("local all all peer", "not supported by this server"),
            ("local all all hope", 'invalid authentication method "hope"'),
            ("local all all trust maybe", "not in name=value format: maybe"),
            ("local all all trust colour=red", 'unrecognized authentication option name: "colour"'),
            ("host all all all cert", "only supported on hostssl"),
            ("hostssl all all all cert clientcert=verify-ca", 'only accepts "verify-full"'),
            ("hostssl all all all trust clientcert=1", 'invalid value for clientcert: "1"'),
            ("host all all all trust clientcert=verify-ca", 'for "hostssl" rows'),
            ("hostssl all all all cert clientname=SAN", 'invalid value for clientname: "SAN"'),
            ("host all all all trust map=m", 'option "map" is only valid'),
            ("host all all all trust scope=sql", 'option "scope" is only valid'),
            ("host all all all oauth delegate_ident_mapping=yes", "invalid value for delegate_ident_mapping"),
            ("host all all all oauth map=m delegate_ident_mapping=1", "cannot be used together"),
            ("host /( all all trust", "invalid regular expression"),
        ],
    )
    def test_wrong_line(self, line: str, problem: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=problem):
            HostRule.parse(line)
        path = tmp_path / "hba"
        path.write_text(f"# one\n{line}\n")
        with pytest.raises(ValueError, match=f"^{path}:2: "):
            HostBasedRules.load(path)

    def test_python_form_is_the_same(self) -> None:
        assert HostRule.parse('hostssl app "all" 10.0.0.0/8 cert map=m clientname=DN') == HostRule(
            "hostssl", "app", Token("all", True), "10.0.0.0/8", "cert", map="m", client_name="DN",
            client_certificate="verify-full",
        )  # fmt: skip
        with pytest.raises(ValueError, match="has no address"):
            HostRule("local", "all", "all", "all", "trust")
        with pytest.raises(ValueError, match="an empty line"):
            HostRule.parse("# nothing")
        with pytest.raises(ValueError, match="nobody could log in"):
            HostBasedRules([])

    @pytest.mark.parametrize(
        ("line", "strangers"),
        [
            ("local all all trust", False),
            ("host all all 127.0.0.1/32 trust", False),
            ("host all all 127.0.0.0/8 trust", False),
            ("host all all 127.0.0.0/7 trust", True),
            ("host all all 127.0.0.1 255.0.0.255 trust", False),
            ("host all all ::1/128 trust", False),
            ("host all all ::/127 trust", True),
            ("host all all all trust", True),
            ("host all all samehost trust", False),
            ("host all all samenet trust", True),
            ("host all all 0.0.0.0/0 md5", False),
            ("hostssl all all all trust clientcert=verify-ca", False),
        ],
    )
    def test_who_is_trusted(self, line: str, strangers: bool) -> None:
        assert HostRule.parse(line).trusts_strangers is strangers


def fits(line: str, address: str | None = NEAR, *, user: str = "ada", database: str = "app", **client: bool) -> bool:
    rules = HostBasedRules([line], groups={"team": ["ada"], "app": ["eve"]})
    return rules.find(ClientInfo(user, database, address, **client)) is not None


class TestMatching:
    @pytest.mark.parametrize(
        ("kind", "plain", "tls", "local"),
        [
            ("local", False, False, True),
            ("host", True, True, False),
            ("hostssl", False, True, False),
            ("hostnossl", True, False, False),
            ("hostgssenc", False, False, False),
            ("hostnogssenc", True, True, False),
        ],
    )
    def test_types(self, kind: str, plain: bool, tls: bool, local: bool) -> None:
        line = f"{kind} all all {'' if kind == 'local' else 'all'} trust"
        assert (fits(line), fits(line, encrypted=True), fits(line, None)) == (plain, tls, local)

    @pytest.mark.parametrize(
        ("address", "client", "expected"),
        [
            ("10.0.0.0/8", "10.255.0.1", True),
            ("10.9.9.9/8", "10.255.0.1", True),
            ("10.0.0.0/8", "11.0.0.1", False),
            ("10.0.0.0/8", "::ffff:10.1.1.1", True),
            ("10.0.0.7 255.0.0.255", "10.3.4.7", True),
            ("10.0.0.7 255.0.0.255", "10.3.4.8", False),
            ("0.0.0.0/0", "::1", False),
            ("::/0", "127.0.0.1", False),
            ("::/0", "2001:db8::1", True),
            ("fe80::/10", "fe80::1%eth0", True),
            ("2001:db8::/33", "2001:db8:8000::1", False),
            ("samehost", "127.0.0.1", True),
            ("samehost", "127.0.0.2", False),
            ("samenet", "127.0.0.2", True),
            ("samenet", "240.0.0.1", False),
            ("all", "nonsense", True),
            ("10.0.0.0/8", "nonsense", False),
        ],
    )
    def test_addresses(self, address: str, client: str, expected: bool) -> None:
        assert fits(f"host all all {address} trust", client) is expected

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            ("all", True), ('"all"', False), ("app", True), ("App", False), ("x,app", True), ("sameuser", False),
            ("samerole", False), ("replication", False), ("/^a", True), ("/b", False), ('"/p{2},?$"', True),
        ],
    )  # fmt: skip
    def test_databases(self, names: str, expected: bool) -> None:
        assert fits(f"host {names} all all trust") is expected

    def test_databases_by_user(self) -> None:
        assert fits("host sameuser all all trust", database="ada")
        assert fits("host samerole all all trust", user="eve")
        assert fits("host samegroup all all trust", database="team")
        assert fits("host replication all all trust", replication=True)
        assert not fits("host all all all trust", replication=True)
        assert not fits('host "replication" all all trust', replication=True)

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            ("all", True), ('"all"', False), ("ada", True), ("ADA", False), ("+team", True), ("+app", False),
            ("+ada", True), ('"+team"', False), ("/^a.a$", True), ("/^d", False), ("bob,+team", True),
        ],
    )  # fmt: skip
    def test_users(self, names: str, expected: bool) -> None:
        assert fits(f"host all {names} all trust") is expected

    def test_a_long_name_matches_no_expression(self) -> None:
        assert fits("host all /^a all trust", user="a" * MAX_MATCHED_NAME)
        assert not fits("host all /^a all trust", user="a" * (MAX_MATCHED_NAME + 1))

    def test_the_first_rule_decides(self) -> None:
        rules = HostBasedRules(["host all bob all reject", "host all all 10.0.0.0/8 md5", "host all all all trust"])
        found = [
            rules.find(ClientInfo(*who))
            for who in (("bob", "d", "10.1.1.1"), ("ada", "d", "10.1.1.1"), ("ada", "d", "::1"))
        ]
        assert [rule and rule.method for rule in found] == ["reject", "md5", "trust"]
        assert rules.find(ClientInfo("ada", "d", None)) is None

    def test_interfaces(self) -> None:
        assert (4, 0x7F000001, 0xFF000000) in interfaces()


def test_reload_keeps_the_rules_where_the_file_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "hba"
    path.write_text("local all all trust\n")
    rules = HostBasedRules.load(path)
    path.write_text("local all all reject\n")
    rules.reload()
    assert [rule.method for rule in rules.rules] == ["reject"]
    for wrong in ("local all all maybe\n", "# nobody\n"):
        path.write_text(wrong)
        with pytest.raises(ValueError, match=str(path)):
            rules.reload()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        rules.reload()
    assert [rule.method for rule in rules.rules] == ["reject"]

"""pgwire_py.auth.ident and certificate_names: whose certificate is good for whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pgwire_py.auth import IdentLine, IdentMap
from pgwire_py.auth.certificate_names import common_name, distinguished_name


class TestMaps:
    @pytest.mark.parametrize(
        ("line", "system", "user", "expected"),
        [
            ("m Ada ada", "Ada", "ada", True),
            ("m Ada ada", "ada", "ada", False),
            ("m Ada ada", "Ada", "Ada", False),
            (r"m /^(.*)@example\.org$ \1", "ada@example.org", "ada", True),
            (r"m /^(.*)@example\.org$ \1", "ada@example.org", "bob", False),
            (r"m /^(.*)@example\.org$ \1", "ada@example.org.evil", "ada", False),
            (r"m /^(.*)@example\.org$ x_\1", "ada@example.org", "x_ada", True),
            (r"m /^(.*)@example\.org$ \1", "all@example.org", "bob", False),
            (r"m /^(.*)@example\.org$ \1", "+team@example.org", "eve", False),
            (r"m /^(a)|b$ \1", "b", "", False),
            ("m /example guest", "x.example", "guest", True),
            ("m boss all", "boss", "anyone", True),
            ('m boss "all"', "boss", "anyone", False),
            ("m boss +team", "boss", "eve", True),
            ("m boss +team", "boss", "team", True),
            ("m boss +team", "boss", "bob", False),
            ("m boss /^e", "boss", "eve", True),
            ("other Ada ada", "Ada", "ada", False),
        ],
    )
    def test_a_line(self, line: str, system: str, user: str, expected: bool) -> None:
        assert IdentMap([line], groups={"team": ["eve"]}).allows("m", system, user) is expected

    @pytest.mark.parametrize("name", [None, ""])
    def test_without_a_map_the_names_are_the_same(self, name: str | None) -> None:
        assert IdentMap().allows(name, "ada", "ada")
        assert not IdentMap().allows(name, "Ada", "ada")
        assert not IdentMap().allows("m", "ada", "ada")

    def test_any_line_of_the_map_will_do(self) -> None:
        maps = IdentMap([IdentLine("m", "x", "ada"), IdentLine("m", "x", "bob")])
        assert [maps.allows("m", "x", user) for user in ("ada", "bob", "eve")] == [True, True, False]

    def test_parentheses_that_matched_nothing(self) -> None:
        """They are no empty name: as in PostgreSQL nobody comes in by them."""
        maps = IdentMap([r"m /^(db-)?host$ \1root"])
        assert maps.allows("m", "db-host", "db-root")
        assert not maps.allows("m", "host", "root")

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("m x", "missing entry"),
            ("m x,y z", "multiple values in system user"),
            ("m /( z", "invalid regular expression"),
            (r"m /x \1", "has no subexpressions"),
            ("m x /(", "invalid regular expression"),
        ],
    )
    def test_wrong_line(self, line: str, problem: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=problem):
            IdentMap([line])
        path = tmp_path / "ident"
        path.write_text(f"\n{line}\n")
        with pytest.raises(ValueError, match=f"^{path}:2: .*{problem}"):
            IdentMap.load(path)

    def test_reload(self, tmp_path: Path) -> None:
        path = tmp_path / "ident"
        path.write_text("m x ada\n")
        maps = IdentMap.load(path)
        path.write_text("m x\n")
        with pytest.raises(ValueError, match="missing entry"):
            maps.reload()
        assert maps.allows("m", "x", "ada")
        path.write_text("")
        maps.reload()
        assert not maps.allows("m", "x", "ada")


def certificate(*subject: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return {"subject": subject}


class TestNames:
    def test_common_name(self) -> None:
        assert (
            common_name(certificate((("organizationName", "o"),), (("commonName", "ada"),), (("commonName", "eve"),)))
            == "ada"
        )
        assert common_name(certificate((("commonName", "ada\0.evil"),))) is None
        assert common_name(certificate()) is None
        assert common_name({}) is None

    @pytest.mark.parametrize(
        ("subject", "expected"),
        [
            (((("countryName", "DE"),), (("organizationName", "O"),), (("commonName", "ada"),)), "CN=ada,O=O,C=DE"),
            (((("commonName", "a"), ("userId", "b")),), "UID=b+CN=a"),
            (((("commonName", 'a,b+c"d\\e<f>g;h'),),), 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h'),
            (((("commonName", " #a "),),), "CN=\\ #a\\ "),
            (((("commonName", "#a"),),), "CN=\\#a"),
            (((("commonName", "Jürgen\n"),),), "CN=J\\C3\\BCrgen\\0A"),
            (((("commonName", "a\0b"),),), None),
            ((), None),
        ],
    )
    def test_distinguished_name(self, subject: Any, expected: str | None) -> None:
        assert distinguished_name(certificate(*subject)) == expected

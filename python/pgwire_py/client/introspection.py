"""What a database's own types are: looked up by OID, once, in one plain query, without recursion (which costs milliseconds with JIT)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ..oids import TYPES
from ..types import TypeRegistry

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Introspection"]

QUERY: Final = """\
select t.oid, t.typname::text, t.typtype::text, t.typelem, t.typarray, t.typbasetype,
  t.typcategory = 'A' and t.typelem <> 0 and t.typlen = -1,
  coalesce(r.rngsubtype, 0), coalesce(r.rngmultitypid, 0), coalesce(m.rngtypid, 0),
  array(select a.attname::text from pg_catalog.pg_attribute a
    where a.attrelid = t.typrelid and t.typrelid <> 0 and a.attnum > 0 and not a.attisdropped order by a.attnum),
  array(select a.atttypid from pg_catalog.pg_attribute a
    where a.attrelid = t.typrelid and t.typrelid <> 0 and a.attnum > 0 and not a.attisdropped order by a.attnum)
from pg_catalog.pg_type t
left join pg_catalog.pg_range r on r.rngtypid = t.oid
left join pg_catalog.pg_range m on m.rngmultitypid = t.oid
where t.oid = any($1)"""

MAX_ROUNDS: Final = 16
"""Types within types within types that are followed."""


class Introspection:
    """The types of one connection's database, as far as they were needed."""

    def __init__(self, registry: TypeRegistry) -> None:
        self._registry = registry
        self._known: set[int] = set()

    def forget(self) -> None:
        """Types may have changed: look them up again when they are needed."""
        self._known.clear()

    def unknown(self, oids: Iterable[int]) -> set[int]:
        """Those that are neither built in nor looked up."""
        return {oid for oid in oids if oid and oid not in TYPES and oid not in self._known}

    async def look_up(self, core: Core, oids: set[int]) -> None:
        """Register types and everything they are made of."""
        found: dict[int, Any] = {}
        wanted = set(oids)
        for _ in range(MAX_ROUNDS):
            if not wanted:
                break
            self._known |= wanted
            rows = await self._query(core, sorted(wanted))
            found.update({row[0]: row for row in rows})
            parts: set[int] = set()
            for row in rows:
                parts |= {row[3] if row[6] else 0, row[5], row[7], row[8], row[9], *row[11]}
            wanted = self.unknown(parts)
        for oid in found:
            self._register(oid, found, set())

    async def _query(self, core: Core, oids: list[int]) -> list[Any]:
        name = core.new_name(QUERY)
        plan = core.kept(QUERY)
        if plan is None:
            plan = await core.prepare(QUERY, name)
            core.keep(plan)
        exchange = await core.send_plan(plan, (oids,))
        if exchange.error is not None:
            raise exchange.error
        result = exchange.results[-1]
        assert isinstance(result, tuple)
        return result[0]

    def _register(self, oid: int, found: dict[int, Any], seen: set[int]) -> None:
        """One type, behind those it is made of."""
        if oid in seen or oid not in found:
            return
        seen.add(oid)
        _, name, kind, element, array, base, is_array, subtype, _, of_range, names, parts = found[oid]
        registry = self._registry
        for part in (element if is_array else 0, base, subtype, of_range, *parts):
            self._register(part, found, seen)
        if is_array:
            registry.add_type(registry.name(element) or str(element), element, array_oid=oid)
        elif kind == "e":
            registry.register_enum(name, oid, array_oid=array)
        elif kind == "d":
            registry.register_domain(name, oid, base, array_oid=array)
        elif kind == "c":
            registry.register_composite(name, oid, list(zip(names, parts, strict=True)), array_oid=array)
        elif kind == "r":
            multirange = found[oid][8]
            both = (found[multirange][1], multirange) if multirange in found else None
            many = found[multirange][4] if both else 0
            registry.register_range(name, oid, subtype, array_oid=array, multirange=both, multirange_array_oid=many)
        elif kind != "m":
            registry.add_type(name, oid, array_oid=array)

"""Carries out the session layer's commands (``commands.py``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from ..errors import (
    ActiveSQLTransaction,
    FeatureNotSupported,
    InvalidParameterValue,
    InvalidSavepointSpecification,
    InvalidSQLStatementName,
    NoActiveSQLTransaction,
)
from . import commands as c
from .cursors import hold
from .parameter_values import LISTS
from .results import ListSource, Source, shape_of
from .transactions import Savepoint

if TYPE_CHECKING:
    from .session import Session

__all__ = ["run"]


async def run(session: Session, command: c.Command, formats: tuple[int, ...]) -> Source:
    """Carry out a command; the source it returns has the command tag, and rows for SHOW."""
    return await _RUN[type(command)](session, command, formats)


def _done(tag: str) -> Source:
    return Source(None, None, tag)


async def _control(session: Session, action: str, *args: Any, **kwargs: Any) -> None:
    if session.execution.transactions:
        await session.execution.control(action, *args, **kwargs)


async def _begin(session: Session, command: c.Begin, formats: tuple[int, ...]) -> Source:
    transaction = session.transaction
    if transaction.status != "I":
        session.notice("WARNING", "25001", "there is already a transaction in progress")
        await _set_modes(session, command.modes)
        return _done(command.tag)
    modes = dict(command.modes)
    read_only = modes.get("read_only", session.settings.get("default_transaction_read_only")) == "on"
    if not transaction.implicit:
        await _control(session, "begin", read_only=read_only)
    transaction.implicit = False
    transaction.status = "T"
    session.settings.begin()
    for name, value in modes.items():
        session.settings.set(f"transaction_{name}", value, local=True)
    return _done(command.tag)


async def _set_modes(session: Session, modes: Iterable[tuple[str, str | None]]) -> None:
    """Set characteristics of the transaction; one that was to read only is begun anew to write, for it has done nothing yet."""
    settings = session.settings
    before = settings.get("transaction_read_only")
    for name, value in modes:
        settings.set(f"transaction_{name}", value, local=True)
    if session.transaction.status == "T" and before == "on" and settings.get("transaction_read_only") == "off":
        await _control(session, "rollback")
        await _control(session, "begin", read_only=False)


def _modes(session: Session) -> tuple[tuple[str, str], ...]:
    """The characteristics of the transaction, for the next one in its chain."""
    show = session.settings.show
    return tuple([(name, show(f"transaction_{name}")) for name in ("isolation", "read_only", "deferrable")])


async def _commit(session: Session, command: c.Commit, formats: tuple[int, ...]) -> Source:
    transaction = session.transaction
    if transaction.status == "I":
        _check_chain(command.chain, "COMMIT")
        session.notice("WARNING", "25P01", "there is no transaction in progress")
        if transaction.implicit:
            await session.commit_implicit()
        return _done(command.tag)
    if transaction.status == "E":
        return await _end_by_rollback(session, command.chain)
    modes = _modes(session) if command.chain else ()
    if session.portals:
        try:
            await hold(session)
        except BaseException:
            await _end_by_rollback(session, False)
            raise
        session.close_portals()
    transaction.end()
    try:
        await _control(session, "commit")
    except BaseException:
        session.ended(commit=False)
        raise
    session.ended(commit=True)
    if command.chain:
        await _begin(session, c.Begin("COMMIT", modes), formats)
    return _done(command.tag)


async def _rollback(session: Session, command: c.Rollback, formats: tuple[int, ...]) -> Source:
    if session.transaction.status == "I":
        _check_chain(command.chain, "ROLLBACK")
        session.notice("WARNING", "25P01", "there is no transaction in progress")
        if not session.transaction.implicit:
            return _done(command.tag)
    return await _end_by_rollback(session, command.chain)


async def _end_by_rollback(session: Session, chain: bool) -> Source:
    modes = _modes(session) if chain else ()
    session.close_portals()
    session.transaction.end()
    session.ended(commit=False)
    await _control(session, "rollback")
    if chain:
        await _begin(session, c.Begin("ROLLBACK", modes), ())
    return _done("ROLLBACK")


def _check_chain(chain: bool, name: str) -> None:
    if chain:
        raise NoActiveSQLTransaction(f"{name} AND CHAIN can only be used in transaction blocks")


def _in_block(session: Session, name: str) -> None:
    if session.transaction.status == "I":
        raise NoActiveSQLTransaction(f"{name} can only be used in transaction blocks")


def _find(session: Session, name: str) -> int:
    index = session.transaction.find(name)
    if index < 0:
        raise InvalidSavepointSpecification(f'savepoint "{name}" does not exist')
    return index


async def _savepoint(session: Session, command: c.Savepoint, formats: tuple[int, ...]) -> Source:
    _in_block(session, "SAVEPOINT")
    if session.execution.savepoints:
        await _control(session, "savepoint", command.name)
    notifications = session.notifications
    session.transaction.savepoints.append(Savepoint(command.name, notifications.gathered if notifications else (0, 0)))
    session.settings.savepoint()
    return _done(command.tag)


async def _release(session: Session, command: c.Release, formats: tuple[int, ...]) -> Source:
    _in_block(session, "RELEASE SAVEPOINT")
    index = _find(session, command.name)
    if session.execution.savepoints:
        await _control(session, "release", command.name)
    del session.transaction.savepoints[index:]
    for portal in session.portals.values():
        portal.level = min(portal.level, index)
    session.settings.release(index)
    return _done(command.tag)


async def _rollback_to(session: Session, command: c.RollbackTo, formats: tuple[int, ...]) -> Source:
    _in_block(session, "ROLLBACK TO SAVEPOINT")
    transaction = session.transaction
    index = _find(session, command.name)
    if session.execution.savepoints:
        await _control(session, "rollback_to", command.name)
    elif transaction.savepoints[index].written:
        transaction.status = "E"
        raise FeatureNotSupported(
            "this engine has no savepoints: what was written since the savepoint cannot be undone alone",
            hint="Roll the whole transaction back.",
        )
    elif transaction.status == "E" and session.execution.transactions:
        await session.execution.resume()
    session.close_portals(index + 1)
    if session.notifications is not None:
        session.notifications.forget_since(transaction.savepoints[index].gathered)
    del transaction.savepoints[index + 1 :]
    session.settings.rollback_to(index)
    transaction.status = "T"
    return _done(command.tag)


async def _set(session: Session, command: c.SetParameter, formats: tuple[int, ...]) -> Source:
    if command.local and session.transaction.status == "I" and not session.transaction.implicit:
        session.notice("WARNING", "25P01", "SET LOCAL can only be used in transaction blocks")
    name = command.name.lower()
    if command.several and name not in LISTS and session.settings.get(name) is not None:
        raise InvalidParameterValue(f"SET {command.name} takes only one argument")
    if name.startswith("transaction_") and name != "transaction_timeout":
        await _set_modes(session, [(name[len("transaction_") :], command.value)])
    else:
        session.settings.set(command.name, command.value, local=command.local)
    return _done(command.tag)


async def _set_transaction(session: Session, command: c.SetTransaction, formats: tuple[int, ...]) -> Source:
    if not command.session and session.transaction.status == "I":
        session.notice("WARNING", "25P01", "SET TRANSACTION can only be used in transaction blocks")
    if command.session:
        for name, value in command.modes:
            session.settings.set(f"default_transaction_{name}", value)
    else:
        await _set_modes(session, command.modes)
    return _done(command.tag)


async def _reset(session: Session, command: c.Reset, formats: tuple[int, ...]) -> Source:
    if command.name is None:
        session.settings.reset_all()
    else:
        session.settings.reset(command.name)
    return _done(command.tag)


async def _show(session: Session, command: c.Show, formats: tuple[int, ...]) -> Source:
    columns = command.columns
    rows: list[tuple[str, ...]]
    rows = list(session.settings.all()) if command.name is None else [(session.settings.show(command.name),)]
    return ListSource(shape_of(columns, formats, session.settings.coding), rows, None, command.tag)


async def _deallocate(session: Session, command: c.Deallocate, formats: tuple[int, ...]) -> Source:
    if command.name is None:
        session.statements.clear()
    elif session.statements.pop(command.name, None) is None:
        raise InvalidSQLStatementName(f'prepared statement "{command.name}" does not exist')
    return _done(command.tag)


async def _clean(session: Session, command: c.Clean, formats: tuple[int, ...]) -> Source:
    if command.all:
        if session.transaction.open:
            raise ActiveSQLTransaction("DISCARD ALL cannot run inside a transaction block")
        session.close_portals(-1)
        session.statements.clear()
        session.settings.reset_all()
        if session.notifications is not None:
            session.notifications.unlisten(None)
    if command.temp:
        await session.execution.discard_temp()
        session.server.schema_version += 1
    return _done(command.tag)


_RUN: Final[dict[type, Callable[[Session, Any, tuple[int, ...]], Awaitable[Source]]]] = {
    c.Begin: _begin,
    c.Commit: _commit,
    c.Rollback: _rollback,
    c.Savepoint: _savepoint,
    c.Release: _release,
    c.RollbackTo: _rollback_to,
    c.SetParameter: _set,
    c.SetTransaction: _set_transaction,
    c.Reset: _reset,
    c.Show: _show,
    c.Deallocate: _deallocate,
    c.Clean: _clean,
}

"""The pytest plugin: ``pytest_plugins = ["pgwire_py.testing.plugin"]`` in the conftest.py at the root, or ``-p pgwire_py.testing.plugin``.

It is no entry point: pytest would import it in every run, and rewrite the assertions of the whole package, in every project that has
pgwire_py installed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .mock_server import MockServer

__all__ = ["make_mock_postgres", "mock_postgres"]

_MOCKS = pytest.StashKey[list[Any]]()


@pytest.fixture
def make_mock_postgres(request: pytest.FixtureRequest) -> Iterator[Callable[..., MockServer]]:
    """Starts a :class:`~pgwire_py.testing.MockServer` with the arguments it is called with; it is verified and closed with the test."""
    from .mock_server import MockServer

    with ExitStack() as stack:

        def make(**options: Any) -> MockServer:
            mock = stack.enter_context(MockServer(**options))
            request.node.stash.setdefault(_MOCKS, []).append(mock)
            return mock

        yield make


@pytest.fixture
def mock_postgres(make_mock_postgres: Callable[..., MockServer]) -> MockServer:
    """A :class:`~pgwire_py.testing.MockServer` that trusts everybody, on a port of its own; it is verified and closed with the test."""
    return make_mock_postgres()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test that has passed fails where a mock server was not used as expected; one that has failed shows the report."""
    try:
        result = yield
    except BaseException:
        for mock in item.stash.get(_MOCKS, []):
            report = mock.report()
            if report is not None:
                item.add_report_section("call", "mock_postgres", report)
        raise
    for mock in item.stash.get(_MOCKS, []):
        try:
            mock.verify()
        except AssertionError as failure:
            pytest.fail(str(failure), pytrace=False)
    return result

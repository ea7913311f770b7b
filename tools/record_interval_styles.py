"""Writes ``tests/vectors/interval_styles.json``: intervals as PostgreSQL prints them in each IntervalStyle.

Usage: ``python -m tools.record_interval_styles`` in the root of the tree.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import psycopg
from tests.support.postgres import find_programs, running_cluster

TARGET = Path(__file__).parent.parent / "tests/vectors/interval_styles.json"
STYLES = ("postgres", "postgres_verbose", "sql_standard", "iso_8601")
MONTHS = (0, 1, -14, 25)
DAYS = (0, 1, -3)
MICROS = (0, 1_000_000, -1_500_000, 14_706_000_007, -360_000_000_000)
EXTREMES = ((2**31 - 1, 2**31 - 1, 2**63 - 2), (-(2**31), -(2**31), -(2**63) + 1))


def main() -> None:
    values = [*itertools.product(MONTHS, DAYS, MICROS), *EXTREMES]
    entries: list[dict[str, Any]] = [
        {"months": months, "days": days, "micros": micros} for months, days, micros in values
    ]
    with running_cluster(find_programs()) as cluster:
        connection = psycopg.connect(host=cluster.host, port=cluster.port, user="postgres", autocommit=True)
        with connection:
            for style in STYLES:
                connection.execute(f"set intervalstyle to {style}")
                for entry in entries:
                    binary = entry["micros"].to_bytes(8, "big", signed=True)
                    binary += entry["days"].to_bytes(4, "big", signed=True) + entry["months"].to_bytes(
                        4, "big", signed=True
                    )
                    result = connection.pgconn.exec_params(b"select $1", [binary], [1186], [1])
                    entry[style] = (result.get_value(0, 0) or b"").decode()
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in entries)
    TARGET.write_text(f'{{"intervals": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()

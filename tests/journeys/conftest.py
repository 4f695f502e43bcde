"""Towns for journeys: one for each database."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.journeys.town import Town, running


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    url = ""
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
        with psycopg.connect(url, autocommit=True) as server:  # `parvi migrate` makes the schema, as for anyone
            server.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with running(tmp_path, url) as town:
        yield town

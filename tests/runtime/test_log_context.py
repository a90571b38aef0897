"""Records of step bodies say whose they are, in threads and processes, too."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from wfc.runtime import log_context


@pytest.fixture(autouse=True)
def _same_factory() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(before)


class Logs(list[Any]):
    """Bodies say what they do to this; it says so to a logger."""

    def append(self, call: Any) -> None:
        logging.getLogger("app").warning("%s", call[0])


@pytest.mark.parametrize(("flow", "body"), [("chain", "add"), ("threads", "double")])
async def test_a_record_of_a_body_names_run_step_and_attempt(
    house: House, journal: Journal, caplog: pytest.LogCaptureFixture, flow: str, body: str
) -> None:
    journal.calls = Logs()
    run = await house.start(getattr(FLOWS, flow), 1)
    await house.worker().run_until_idle()
    logging.getLogger("app").warning("outside")
    [inside, outside] = [each for each in caplog.records if each.name == "app"]
    assert inside.message == body
    told: list[Any] = [inside.__dict__[name] for name in log_context.FIELDS]
    assert told == [run.id, (await run.steps())[0].id, 1]
    assert [outside.__dict__[name] for name in log_context.FIELDS] == ["", "", ""]


def test_the_factory_of_the_application_still_makes_them() -> None:
    """And is wrapped once, however many workers there are."""

    class Own(logging.LogRecord):
        pass

    logging.setLogRecordFactory(Own)
    log_context.install()
    log_context.install()
    made = logging.getLogRecordFactory()("app", 20, "f.py", 1, "hello", (), None)
    assert isinstance(made, Own)
    assert made.__dict__["wfc_run"] == ""
    factory: Any = logging.getLogRecordFactory()
    assert factory.before is Own

"""Machines whose clocks are off, for tests of whose clock stored times are."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest


class _Datetime(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, datetime)


@contextmanager
def machine_off_by(shift: timedelta) -> Iterator[None]:
    """All code of the pipeline in this process runs on a machine whose clock is off by so much."""

    class Shifted(datetime, metaclass=_Datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + shift

    with pytest.MonkeyPatch.context() as patched:
        for name, module in list(sys.modules.items()):
            if name.startswith("passport_pipeline.") and vars(module).get("datetime") is datetime:
                patched.setattr(module, "datetime", Shifted)
        yield

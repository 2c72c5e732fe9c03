"""What a preflight finds of one hospital.

What belongs here: findings, and the report that holds them. What does not: looking (a record system), printing (cli).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    topic: str
    state: State
    text: str


@dataclass
class Preflight:
    """What was found of one hospital, in the order in which it was looked at."""

    hospital: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the hospital can be read: nothing found is a fault."""
        return all(finding.state != "fault" for finding in self.findings)

    def add(self, topic: str, state: State, text: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(topic, state, text))

    def to_json(self) -> dict[str, Any]:
        """As `passport-pipeline hospitals check --json` prints it."""
        return {
            "hospital": self.hospital,
            "ok": self.ok,
            "findings": [asdict(finding) for finding in self.findings],
        }

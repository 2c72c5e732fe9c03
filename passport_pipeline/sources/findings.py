"""The findings of a preflight.

What belongs here: findings, and the report that holds them. What does not: checking (a record system), printing (cli).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    topic: str
    state: State
    text: str


@dataclass
class Preflight:
    """The findings of one hospital, in the order of the checks."""

    hospital: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the hospital can be read: no finding is a fault."""
        return all(finding.state != "fault" for finding in self.findings)

    def add(self, topic: str, state: State, text: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(topic, state, text))

    def to_json(self) -> dict[str, Any]:
        """As `passport-pipeline hospitals check --json` prints it."""
        return {"hospital": self.hospital, "ok": self.ok, "findings": [asdict(finding) for finding in self.findings]}

"""What a check found: one finding a rule, to print, to put into a page, or to raise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .rule import RuleBroken

if TYPE_CHECKING:
    from .rule import Rule

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """How a loader fared under one rule.

    Attributes:
        rule: The rule.
        outcome: ``"skipped"`` where the rule does not apply to it or the caller asked so.
        reason: What was seen, or why it was skipped; empty where it passed.
    """

    rule: Rule
    outcome: Outcome
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.outcome:8} {self.rule.name}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class ConformanceReport:
    """A check's findings, in the order of the rules; its ``str`` has a line for each.

    Attributes:
        subject: The class that was checked.
        findings: One a rule.
    """

    subject: str
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The rules that are broken."""
        return self.of("failed")

    @property
    def skipped(self) -> tuple[Finding, ...]:
        """The rules that were not tried to the end."""
        return self.of("skipped")

    def of(self, outcome: Outcome) -> tuple[Finding, ...]:
        """The findings with this outcome."""
        return tuple(finding for finding in self.findings if finding.outcome == outcome)

    def raise_for_failures(self) -> None:
        """Do nothing where no rule is broken.

        Raises:
            RuleBroken: An ``AssertionError`` with each broken rule, what was seen, and why it matters.
        """
        if self.failures:
            told = [f"{found.rule.name}: {found.reason}\n    {found.rule.why}" for found in self.failures]
            raise RuleBroken("\n".join([f"{self.subject} breaks {len(told)} of {len(self.findings)} rules", *told]))

    def markdown(self) -> str:
        """A Markdown table: rule, outcome, reason."""
        rows = [f"| `{one.rule.name}` | {one.outcome} | {cell(one.reason)} |" for one in self.findings]
        return "\n".join([f"| {self.subject} | outcome | seen |", "|---|---|---|", *rows]) + "\n"

    def __str__(self) -> str:
        counted = ", ".join(f"{len(self.of(outcome))} {outcome}" for outcome in ("passed", "failed", "skipped"))
        return "\n".join([f"{self.subject}: {counted}", *map(str, self.findings)])


def cell(text: str) -> str:
    """Text that stays inside one cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")

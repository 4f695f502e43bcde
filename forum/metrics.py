"""Metrics: what a Prometheus keeps and draws. Only what costs milliseconds, however much has been written and sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select

from forum import VERSION, health, tallies
from forum.db import Db
from forum.tables import Member, Post

FATES = ("posted", "held", "command", "signup", "bounce", "ignored", "refused", "failed")
COPIES = {"sent": tallies.SENT, "refused": tallies.REFUSED, "deferred": tallies.DEFERRED}


@dataclass(frozen=True)
class Metric:
    """`samples` are labels and a value; one without labels has ""."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    label: str
    samples: Sequence[tuple[str, float]]


def look(db: Db, now: datetime, data: Path) -> list[Metric]:
    found, tallied = health.look(db, now, data), tallies.numbers(db)
    inbox, outbox = found.inbox, found.outbox
    metrics = [
        _labelled("info", "gauge", "Always 1; which version answers.", "version", {VERSION: 1}),
        _one("healthy", "gauge", "1 when nothing is wrong, as /health has it.", not found.wrong),
        _one("inbox_waiting", "gauge", "Mails that came in and wait, counted up to 100,000.", inbox.waiting),
        _one("inbox_oldest_seconds", "gauge", "How long the oldest of them has waited.", inbox.oldest_s),
        _one("inbox_failed", "gauge", "Mails that could not be worked through and are kept.", inbox.troubled),
        _one("outbox_waiting", "gauge", "Copies that are owed and have not gone, counted up to 100,000.", outbox.waiting),
        _one("outbox_oldest_seconds", "gauge", "How long the oldest of them has been owed.", outbox.oldest_s),
        _one("outbox_deferred", "gauge", "Those of them that were put off at least once.", outbox.troubled),
        _labelled(
            "mails_total", "counter", "Mails that came to each fate.", "fate",
            {fate: tallied.get(tallies.FATE + fate, 0) for fate in FATES},
        ),
        _labelled(
            "copies_total", "counter", "How tries to send a copy ended.", "outcome",
            {outcome: tallied.get(name, 0) for outcome, name in COPIES.items()},
        ),
        _one("posts_total", "counter", "Posts, by the number of the newest.", db.scalar(select(func.max(Post.id))) or 0),
        _one("members", "gauge", "Members.", db.scalar(select(func.count()).select_from(Member)) or 0),
    ]  # fmt: skip
    if found.disk:
        metrics.append(_one("disk_free_bytes", "gauge", "Room for the data folder.", found.disk.free))
    return metrics


def of_process(pid: int, cpu_s: float, resident_bytes: int, streams: int) -> list[Metric]:
    """Of the process that answers: with several of them, each time another. Hence the label."""
    who = str(pid)
    return [
        _labelled("process_cpu_seconds_total", "counter", "CPU time of this web process.", "pid", {who: cpu_s}),
        _labelled("process_resident_bytes", "gauge", "Its memory.", "pid", {who: resident_bytes}),
        _labelled("streams_open", "gauge", "Live pages open at it.", "pid", {who: streams}),
    ]


def as_text(metrics: Sequence[Metric]) -> str:
    """Prometheus' text format 0.0.4. Nothing in it needs escaping: names and labels are ours."""
    return "".join(line + "\n" for metric in metrics for line in _lines(metric))


def _lines(metric: Metric) -> list[str]:
    name = f"parvi_{metric.name}"
    samples = [(f'{{{metric.label}="{value}"}}' if value else "", number) for value, number in metric.samples]
    return [
        f"# HELP {name} {metric.help}",
        f"# TYPE {name} {metric.kind}",
        *(f"{name}{labels} {float(number):.15g}" for labels, number in samples),
    ]


def _one(name: str, kind: Literal["counter", "gauge"], about: str, value: float) -> Metric:
    return Metric(name, kind, about, "", [("", value)])


def _labelled(name: str, kind: Literal["counter", "gauge"], about: str, label: str, values: dict[str, float]) -> Metric:
    return Metric(name, kind, about, label, list(values.items()))

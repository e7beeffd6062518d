"""Metric families out of plain numbers, and their text form, made in small steps so that nothing else waits."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Final, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from media_relay.monitoring.distribution import Distribution

__all__ = [
    "CONTENT_TYPE_LATEST",
    "Metric",
    "counter",
    "counters",
    "gauge",
    "gauges",
    "histogram",
    "histograms",
    "info",
    "render",
]

SAMPLES_PER_STEP: Final = 100
"""About a millisecond of work."""

LabelValues = str | tuple[str, ...]
Key = TypeVar("Key", bound=LabelValues)


def counter(name: str, what: str, value: float) -> Metric:
    """A single counter; ``name`` without ``_total``."""
    return CounterMetricFamily(name, what, value=value)


def counters(name: str, what: str, labels: Sequence[str], values: Mapping[Key, float]) -> Metric:
    """A counter by ``labels``."""
    family = CounterMetricFamily(name, what, labels=labels)
    for label_values, value in values.items():
        family.add_metric(_sequence(label_values), value)
    return family


def gauge(name: str, what: str, value: float) -> Metric:
    """A single gauge."""
    return GaugeMetricFamily(name, what, value=value)


def gauges(name: str, what: str, labels: Sequence[str], values: Mapping[Key, float]) -> Metric:
    """A gauge by ``labels``."""
    family = GaugeMetricFamily(name, what, labels=labels)
    for label_values, value in values.items():
        family.add_metric(_sequence(label_values), value)
    return family


def histogram(name: str, what: str, values: Distribution) -> Metric:
    """A single histogram."""
    return HistogramMetricFamily(name, what, buckets=values.buckets(), sum_value=values.total)


def histograms(name: str, what: str, label: str, values: Mapping[str, Distribution]) -> Metric:
    """A histogram by one label."""
    family = HistogramMetricFamily(name, what, labels=[label])
    for label_value, distribution in values.items():
        family.add_metric([label_value], distribution.buckets(), distribution.total)
    return family


def info(name: str, what: str, facts: Mapping[str, str]) -> Metric:
    """Facts as labels of a gauge that is always 1; ``name`` without ``_info``."""
    return InfoMetricFamily(name, what, value=dict(facts))


async def render(families: Iterable[Metric]) -> bytes:
    """Prometheus' text format. Everybody else in the loop has a turn after every few samples."""
    parts = []
    for family in families:
        for is_first, part in _in_steps(family):
            text = generate_latest(_Registry(part))
            parts.append(text if is_first else _without_heading(text))
            await asyncio.sleep(0)
    return b"".join(parts)


class _Registry:
    """As much of a registry as ``generate_latest`` asks for."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return [self._family]


def _in_steps(family: Metric) -> Iterator[tuple[bool, Metric]]:
    for start in range(0, max(1, len(family.samples)), SAMPLES_PER_STEP):
        part = copy(family)
        part.samples = family.samples[start : start + SAMPLES_PER_STEP]
        yield start == 0, part


def _without_heading(text: bytes) -> bytes:
    """HELP and TYPE stand once, before a family's first sample."""
    return text.split(b"\n", 2)[2]


def _sequence(values: LabelValues) -> Sequence[str]:
    return (values,) if isinstance(values, str) else values

"""Asks a process for its metrics and health, as Prometheus and Kubernetes do."""

import http.client
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

_TIMEOUT_S = 5.0


class Answer(NamedTuple):
    """An HTTP status and body."""

    status: int
    body: str


class Scrape:
    """One look at ``/metrics``."""

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        self.families = {family.name for family in families}
        """The names without what samples have behind them, also of families without samples yet."""
        self._samples = [sample for family in families for sample in family.samples]

    def __len__(self) -> int:
        return len(self._samples)

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels, whatever others they have; 0 where there is none."""
        return sum(s.value for s in self._samples if s.name == name and labels.items() <= s.labels.items())


def get(port: int, path: str) -> Answer:
    """Ask the process at 127.0.0.1. Raises OSError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Answer(response.status, response.read().decode())
    finally:
        connection.close()


def scrape(port: int) -> Scrape:
    """The metrics of the process at 127.0.0.1."""
    answer = get(port, "/metrics")
    assert answer.status == 200, answer
    return Scrape(answer.body)

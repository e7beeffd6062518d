import asyncio

from prometheus_client.parser import text_string_to_metric_families

from media_relay.monitoring.distribution import Distribution
from media_relay.monitoring.families import (
    SAMPLES_PER_STEP,
    Metric,
    counter,
    counters,
    gauge,
    gauges,
    histogram,
    histograms,
    info,
    render,
)


def rendered(*families: Metric) -> str:
    return asyncio.run(render(families)).decode()


def test_every_kind_is_written_as_prometheus_reads_it() -> None:
    values = Distribution((0.5, 1.0))
    values.observe(0.7)
    text = rendered(
        counter("calls", "Calls.", 3),
        counters("ended", "Ended.", ["trunk", "result"], {("a", "200"): 2, ("b", "4xx"): 1}),
        gauge("lag_seconds", "Lag.", 0.25),
        gauges("pairs", "Pairs.", ["state"], {"used": 1, "total": 2}),
        histogram("delay_seconds", "Delay.", values),
        histograms("pdd_seconds", "PDD.", "trunk", {"a": values}),
        info("build", "Build.", {"version": "1"}),
    )
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples[("calls_total",)] == 3
    assert samples[("ended_total", ("result", "4xx"), ("trunk", "b"))] == 1
    assert samples[("lag_seconds",)] == 0.25
    assert samples[("pairs", ("state", "total"))] == 2
    assert samples[("delay_seconds_bucket", ("le", "0.5"))] == 0
    assert samples[("delay_seconds_bucket", ("le", "+Inf"))] == 1
    assert samples[("pdd_seconds_count", ("trunk", "a"))] == 1
    assert samples[("build_info", ("version", "1"))] == 1


def test_a_large_family_is_made_in_steps_and_still_has_one_heading() -> None:
    size = 3 * SAMPLES_PER_STEP + 1
    family = gauges("many", "Many.", ["number"], {str(number): number for number in range(size)})
    turns = 0

    async def story() -> str:
        nonlocal turns

        async def count_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(count_turns())
        text = (await render([family])).decode()
        beside.cancel()
        return text

    text = asyncio.run(story())
    (parsed,) = text_string_to_metric_families(text)
    assert [sample.value for sample in parsed.samples] == list(range(size))
    assert text.count("# TYPE") == 1
    assert turns >= 4


def test_hostile_label_values_stay_inside_their_quotes() -> None:
    text = rendered(gauges("g", "G.", ["trunk"], {'x"} 1\ng{trunk="y': 1}))
    (parsed,) = text_string_to_metric_families(text)
    assert [sample.labels["trunk"] for sample in parsed.samples] == ['x"} 1\ng{trunk="y']

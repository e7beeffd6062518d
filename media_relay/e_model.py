"""How a call sounds, as one number: the E-model of ITU-T G.107, reduced to what a gateway can measure. Pure.

Loss, delay and the codec count; everything acoustic (echo, noise, loudness) has the recommendation's default values.
"""

_BASIC_R = 93.2
"""The rating of a perfect call with all defaults (G.107, 7.7)."""

_LISTENING_EFFECT_MS = 177.3

_G711_WITH_CONCEALMENT = (0.0, 25.1)
_IMPAIRMENTS: dict[str, tuple[float, float]] = {
    "PCMU": _G711_WITH_CONCEALMENT,
    "PCMA": _G711_WITH_CONCEALMENT,
    "G729": (11.0, 19.0),
    "GSM": (20.0, 43.0),
}
"""Ie and Bpl of ITU-T G.113 Appendix I: what the codec costs by itself, and how well it bears random loss."""

_UNKNOWN_CODEC = (10.0, 20.0)


def rating(*, loss: float, delay_ms: float, codec: str = "PCMU") -> float:
    """The transmission rating R, 0 (useless) to 93.2.

    ``loss`` is the share of packets that were lost or came too late to be played (0 to 1), ``delay_ms`` the one-way
    delay from mouth to ear in milliseconds, jitter buffer included.
    """
    impairment, robustness = _IMPAIRMENTS.get(codec.upper(), _UNKNOWN_CODEC)
    percent = 100.0 * min(1.0, max(0.0, loss))
    by_loss = impairment + (95.0 - impairment) * percent / (percent + robustness)
    delay_ms = max(0.0, delay_ms)
    by_delay = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - _LISTENING_EFFECT_MS)
    return max(0.0, _BASIC_R - by_delay - by_loss)


def mos(*, loss: float, delay_ms: float, codec: str = "PCMU") -> float:
    """The mean opinion score that listeners would give, 1 (bad) to 4.5 (excellent) (G.107, Annex B)."""
    r = rating(loss=loss, delay_ms=delay_ms, codec=codec)
    return max(1.0, 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6)

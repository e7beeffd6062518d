"""Tones and how to find them again: proof that one side of a call really heard the other."""

import array
import math
import sys
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

RATE = 8000
"""Samples a second of everything here."""

_WINDOW = 400
"""Samples that are judged together: 50 ms, twenty periods of 400 Hz."""

_PRESENT = 0.5
_AUDIBLE = 100.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recording has of one tone: seconds of it, and seconds of anything audible at all."""

    tone_s: float
    audible_s: float
    recorded_s: float


def write_tone(path: Path, frequency: int, amplitude: int = 9000) -> None:
    """One second of a sine at ``frequency`` Hz (whole, so that it can be played in a loop without a click)."""
    samples = array.array("h", (round(amplitude * math.sin(math.tau * frequency * i / RATE)) for i in range(RATE)))
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def is_complete(path: Path) -> bool:
    """Whether the recorder has closed the file: only then does its header know how long it is."""
    try:
        with wave.open(str(path), "rb") as file:
            return file.getnframes() > 0
    except (EOFError, wave.Error):
        return False


def listen_for(path: Path, frequency: float) -> Heard:
    """How much of a recording (16 bit, mono, 8 kHz) is a tone of ``frequency`` Hz."""
    samples = _read(path)
    tone = audible = 0
    for window in _windows(samples):
        power = math.fsum(sample * sample for sample in window) / len(window)
        if power < _AUDIBLE**2:
            continue
        audible += 1
        tone += tone_power(window, frequency) / power >= _PRESENT
    window_s = _WINDOW / RATE
    return Heard(tone * window_s, audible * window_s, len(samples) / RATE)


def tone_power(samples: Sequence[int], frequency: float) -> float:
    """The power that ``samples`` have at ``frequency`` Hz, by Goertzel's algorithm; comparable to their mean square."""
    coefficient = 2 * math.cos(math.tau * frequency / RATE)
    previous = before = 0.0
    for sample in samples:
        previous, before = sample + coefficient * previous - before, previous
    energy = previous * previous + before * before - coefficient * previous * before
    return 2 * energy / len(samples) ** 2


def _windows(samples: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(samples) - _WINDOW + 1, _WINDOW):
        yield samples[start : start + _WINDOW]


def _read(path: Path) -> "array.array[int]":
    """The samples; none when nothing was recorded."""
    try:
        with wave.open(str(path), "rb") as file:
            samples = array.array("h", file.readframes(file.getnframes()))
    except (FileNotFoundError, EOFError, wave.Error):
        return array.array("h")
    if sys.byteorder == "big":
        samples.byteswap()
    return samples

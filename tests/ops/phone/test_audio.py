import array
import math
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.phone.audio import RATE, is_complete, listen_for, tone_power, write_tone


def test_a_tone_is_found_and_no_other(tmp_path: Path) -> None:
    wav = tmp_path / "tone.wav"
    write_tone(wav, 440)
    heard = listen_for(wav, 440)
    assert (heard.tone_s, heard.audible_s, heard.recorded_s) == pytest.approx((1.0, 1.0, 1.0))
    assert listen_for(wav, 1000).tone_s == 0.0


def test_two_tones_at_once_are_neither_one(tmp_path: Path) -> None:
    one, other, mixed = (tmp_path / name for name in ("one.wav", "other.wav", "mixed.wav"))
    write_tone(one, 440)
    write_tone(other, 1000, amplitude=9100)
    samples = [a + b for a, b in zip(_samples(one), _samples(other), strict=True)]
    _write(mixed, samples)
    assert listen_for(mixed, 440).tone_s == 0.0
    assert listen_for(mixed, 1000).tone_s == pytest.approx(1.0, abs=0.1)


def test_silence_has_no_tone(tmp_path: Path) -> None:
    wav = tmp_path / "silence.wav"
    _write(wav, [0, 1, -1, 2] * RATE)
    heard = listen_for(wav, 440)
    assert (heard.tone_s, heard.audible_s, heard.recorded_s) == (0.0, 0.0, 4.0)


def test_what_was_never_recorded_has_nothing(tmp_path: Path) -> None:
    (tmp_path / "cut.wav").write_bytes(b"RIFF\x00")
    for name in ("none.wav", "cut.wav"):
        assert listen_for(tmp_path / name, 440).recorded_s == 0.0
    assert not is_complete(tmp_path / "cut.wav")


@given(st.integers(200, 3400), st.integers(500, 30000))
def test_the_power_of_a_sine_is_its_mean_square(frequency: int, amplitude: int) -> None:
    samples = [round(amplitude * math.sin(math.tau * frequency * i / RATE)) for i in range(RATE // 4)]
    assert tone_power(samples, frequency) == pytest.approx(amplitude**2 / 2, rel=0.05)


def _samples(path: Path) -> list[int]:
    with wave.open(str(path), "rb") as file:
        return array.array("h", file.readframes(file.getnframes())).tolist()


def _write(path: Path, samples: list[int]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(array.array("h", samples).tobytes())

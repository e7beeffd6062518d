// The E-model of ITU-T G.107 with the numbers of media_relay/e_model.py (a test compares them).

const G711 = [0, 25.1];
const IMPAIRMENTS = { PCMU: G711, PCMA: G711, G729: [11, 19], GSM: [20, 43] };
const UNKNOWN = [10, 20];
const BUFFER_MS = 60;

/** MOS, 1 to 4.5, from a share of lost packets (0 to 1), jitter (ms) and the codec. */
export function mos(loss, jitterMs, codec) {
  const [impairment, robustness] = IMPAIRMENTS[codec.split("/")[0].toUpperCase()] ?? UNKNOWN;
  const percent = 100 * Math.min(1, Math.max(0, loss));
  const delay = BUFFER_MS + 2 * jitterMs;
  const byLoss = impairment + ((95 - impairment) * percent) / (percent + robustness);
  const byDelay = 0.024 * delay + 0.11 * Math.max(0, delay - 177.3);
  const r = Math.max(0, 93.2 - byDelay - byLoss);
  return Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

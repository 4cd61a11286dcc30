const FIRST = 400;
const MAX = 10_000;

/** Milliseconds until the n-th attempt to reconnect, n from 0. The jitter keeps many clients from coming back in step. */
export function reconnectDelay(attempt: number, random: () => number): number {
  const step = Math.min(MAX, FIRST * 2 ** attempt);
  return Math.round(step / 2 + random() * (step / 2));
}

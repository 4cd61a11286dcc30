import type { Numbers } from '../wire';

/** How a node, or all of them, were at a time. Rates are per second, latencies in milliseconds; null where nothing is known. */
export interface Point {
  /** Milliseconds since 1970. */
  time: number;
  connections: number;
  people: number;
  messages: number | null;
  deliveries: number | null;
  p50: number | null;
  p99: number | null;
  queue: number;
  unindexed: number;
  untold: number;
  outbound: number;
  memory: number;
  pressure: number;
}

/** What a node has counted between two of its numbers. */
interface Counted {
  messages: number;
  deliveries: number;
  acks: number[];
}

interface Known {
  last: Numbers;
  counted: Counted | undefined;
}

/** Latencies are those of so many of the last points: of a single one they would be of a few messages. */
const LATENCY_POINTS = 5;

/** What was told of the nodes over the last minutes, as points to be drawn. */
export class History {
  private known = new Map<string, Known>();
  private series = new Map<string, { points: Point[]; acks: number[][] }>();

  /** bounds are those of the acknowledgements, in seconds; keep is how many points are kept. */
  constructor(private readonly bounds: number[], private readonly keep = 150) {}

  /** Takes what was told at a time. */
  heard(time: number, nodes: Numbers[]): void {
    for (const n of nodes) this.known.set(n.node, { last: n, counted: this.count(n) });
    for (const id of this.known.keys()) if (!nodes.some((n) => n.node === id)) this.known.delete(id);
    for (const id of this.series.keys()) if (id !== '' && !this.known.has(id)) this.series.delete(id);
    const all = [...this.known.values()];
    for (const one of all) this.add(one.last.node, time, [one]);
    if (all.length > 0) this.add('', time, all);
  }

  /** The points of a node, or of all together. */
  points(node: string): Point[] {
    return this.series.get(node)?.points ?? [];
  }

  /** What the nodes have told last. */
  get nodes(): Numbers[] {
    return [...this.known.values()].map((k) => k.last);
  }

  private count(n: Numbers): Counted | undefined {
    const before = this.known.get(n.node);
    if (!before) return undefined;
    const seconds = (n.at - before.last.at) / 1000;
    if (seconds <= 0) return before.counted && { ...before.counted, acks: before.counted.acks.map(() => 0) }; // the same numbers again
    return {
      messages: (n.messages - before.last.messages) / seconds, deliveries: (n.deliveries - before.last.deliveries) / seconds,
      acks: n.acks.map((count, i) => count - (before.last.acks[i] ?? 0)),
    };
  }

  private add(id: string, time: number, of: Known[]): void {
    const series = this.series.get(id) ?? { points: [], acks: [] };
    this.series.set(id, series);
    const counted = of.flatMap((k) => k.counted ?? []);
    const sum = (value: (n: Numbers) => number) => of.reduce((s, k) => s + value(k.last), 0);
    const rate = (value: (c: Counted) => number) => (counted.length === 0 ? null : counted.reduce((s, c) => s + value(c), 0));
    series.acks = [...series.acks, ...counted.map((c) => c.acks)].slice(-LATENCY_POINTS * of.length);
    const acks = this.bounds.concat(Infinity).map((_, i) => series.acks.reduce((s, a) => s + (a[i] ?? 0), 0));
    const p50 = quantile(acks, this.bounds, 0.5);
    const p99 = quantile(acks, this.bounds, 0.99);
    series.points = [...series.points, {
      time, connections: sum((n) => n.connections), people: Math.max(...of.map((k) => k.last.people)), messages: rate((c) => c.messages), deliveries: rate((c) => c.deliveries),
      p50: p50 === null ? null : p50 * 1000, p99: p99 === null ? null : p99 * 1000, queue: sum((n) => n.queue), unindexed: sum((n) => n.unindexed), untold: sum((n) => n.untold),
      outbound: sum((n) => n.outbound), memory: sum((n) => n.memory), pressure: Math.max(...of.map((k) => k.last.pressure)),
    }].slice(-this.keep);
  }
}

/** What a share of what was counted is below, as the counts between bounds tell; null when nothing was counted. */
export function quantile(counts: number[], bounds: number[], share: number): number | null {
  const total = counts.reduce((s, n) => s + n, 0);
  if (total <= 0) return null;
  let seen = 0;
  for (const [i, n] of counts.entries()) {
    if (n > 0 && seen + n >= total * share) {
      const from = bounds[i - 1] ?? 0;
      const to = bounds[i] ?? from; // what is beyond the last bound is at least as much
      return from + ((total * share - seen) / n) * (to - from);
    }
    seen += n;
  }
  return bounds.at(-1) ?? null;
}

/** The end of an axis for values up to the highest: 1, 2 or 5 and zeros, at least as much as least. */
export function axisEnd(highest: number, least: number): number {
  if (highest <= least) return least;
  const zeros = 10 ** Math.floor(Math.log10(highest));
  return ([1, 2, 5, 10].find((n) => n * zeros >= highest) ?? 10) * zeros;
}

/** A line through values over time, in a box of a width and height; it is broken where a value is not known, and over longer silences. */
export function linePath(times: number[], values: (number | null)[], box: { from: number; to: number; end: number; width: number; height: number }, silence = 10_000): string {
  let path = '';
  let drawn = -Infinity;
  for (const [i, value] of values.entries()) {
    const time = times[i] ?? 0;
    if (value === null || time < box.from) {
      drawn = -Infinity;
      continue;
    }
    const x = ((time - box.from) / (box.to - box.from)) * box.width;
    const y = box.height - Math.min(1, value / box.end) * box.height;
    path += `${time - drawn <= silence ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    drawn = time;
  }
  return path;
}

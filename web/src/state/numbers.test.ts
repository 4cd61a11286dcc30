import { describe, expect, it } from 'vitest';
import type { Numbers } from '../wire';
import { axisEnd, History, linePath, quantile } from './numbers';

const bounds = [0.001, 0.01, 0.1];
const numbers = (node: string, at: number, more: Partial<Numbers> = {}): Numbers => ({
  node, host: 'here', at, connections: 0, people: 0, messages: 0, deliveries: 0, acks: [0, 0, 0, 0], queue: 0, unindexed: 0, untold: 0, outbound: 0, memory: 0, memoryLimit: 0, pressure: 0, ...more,
});

describe('the history of the numbers', () => {
  it('makes rates of what a node has counted, by the node’s own clock', () => {
    const h = new History(bounds);
    h.heard(1000, [numbers('a', 50_000, { messages: 100, deliveries: 1000, connections: 3 })]);
    h.heard(9000, [numbers('a', 52_000, { messages: 110, deliveries: 1400, connections: 4 })]);
    expect(h.points('a').map((p) => [p.messages, p.deliveries, p.connections])).toEqual([[null, null, 3], [5, 200, 4]]);
  });

  it('adds the nodes up, of which one may be silent for a moment', () => {
    const h = new History(bounds);
    h.heard(0, [numbers('a', 1000, { messages: 10, people: 7, memory: 5, pressure: 0.1 }), numbers('b', 7000, { people: 7, memory: 6, pressure: 0.4 })]);
    h.heard(2000, [numbers('a', 3000, { messages: 14, people: 7 }), numbers('b', 9000, { messages: 20, people: 7 })]);
    h.heard(4000, [numbers('a', 5000, { messages: 14, people: 7 }), numbers('b', 9000, { messages: 20, people: 7 })]);
    expect(h.points('').map((p) => p.messages)).toEqual([null, 12, 10]);
    expect(h.points('')[0]).toMatchObject({ people: 7, memory: 11, pressure: 0.4 });
  });

  it('forgets a node that is gone, and begins anew with one that has restarted', () => {
    const h = new History(bounds);
    h.heard(0, [numbers('a', 1000), numbers('b', 1000, { connections: 9 })]);
    h.heard(2000, [numbers('a', 3000)]);
    expect(h.nodes.map((n) => n.node)).toEqual(['a']);
    expect(h.points('b')).toEqual([]);
    h.heard(4000, [numbers('c', 10)]);
    expect(h.points('').at(-1)).toMatchObject({ messages: null, p50: null });
  });

  it('knows latencies of the messages of the last points, of all nodes together', () => {
    const h = new History(bounds);
    h.heard(0, [numbers('a', 0), numbers('b', 0)]);
    h.heard(2000, [numbers('a', 2000, { acks: [50, 0, 0, 0] }), numbers('b', 2000, { acks: [0, 0, 50, 0] })]);
    const both = h.points('').at(-1);
    expect(both?.p50).toBeCloseTo(1);
    expect(both?.p99).toBeCloseTo(98.2);
    expect(h.points('a').at(-1)?.p99).toBeLessThan(1);
    for (let i = 2; i < 8; i++) h.heard(i * 2000, [numbers('a', i * 2000, { acks: [50, 0, 0, 0] }), numbers('b', i * 2000, { acks: [0, 0, 50, 0] })]);
    expect(h.points('').at(-1)?.p50).toBeNull();
  });

  it('keeps so many points', () => {
    const h = new History(bounds, 3);
    for (let i = 0; i < 9; i++) h.heard(i, [numbers('a', i)]);
    expect(h.points('a').map((p) => p.time)).toEqual([6, 7, 8]);
  });
});

it('finds quantiles between bounds', () => {
  expect(quantile([0, 0, 0, 0], bounds, 0.5)).toBeNull();
  expect(quantile([0, 100, 0, 0], bounds, 0.5)).toBeCloseTo(0.0055);
  expect(quantile([1, 0, 0, 99], bounds, 0.99)).toBe(0.1);
});

it('ends an axis at a round number', () => {
  expect([0, 3, 10, 11, 21, 501].map((n) => axisEnd(n, 10))).toEqual([10, 10, 10, 20, 50, 1000]);
  expect(axisEnd(0.3, 0.1)).toBeCloseTo(0.5);
});

it('draws a line that is broken where nothing is known', () => {
  const box = { from: 0, to: 100, end: 10, width: 100, height: 50 };
  expect(linePath([0, 50, 100], [0, 5, 20], box)).toBe('M0.0 50.0L50.0 25.0L100.0 0.0');
  expect(linePath([0, 20, 40, 60], [1, null, 5, 5], box)).toBe('M0.0 45.0M40.0 25.0L60.0 25.0');
  expect(linePath([-5, 20], [5, 5], box)).toBe('M20.0 25.0');
  expect(linePath([10, 20, 90], [5, 5, 5], box, 30)).toBe('M10.0 25.0L20.0 25.0M90.0 25.0');
});

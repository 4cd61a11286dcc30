// Scrolling through a long room, and what is seen of it: frames, rows, whether anything moved that should not have, what is left in memory.

/** Fills the lobby from a page, with messages of many heights: the first and the last are what they are called, also on a server that is busy. */
export async function fill(page, many) {
  return page.evaluate(async (n) => {
    const { io } = await import('/socket.io/socket.io.esm.min.js');
    const socket = io({ forceNew: true, transports: ['websocket'] });
    await new Promise((done) => socket.on('connect', done));
    await socket.emitWithAck('user-join', { username: 'Filler' });
    const send = async (i) => {
      for (;;) {
        const answer = await socket.emitWithAck('chat-message', { text: `row ${i}. ${'words of it '.repeat((i * 7) % 13)}`, clientId: `row ${i}` });
        if (answer.success) return;
        await new Promise((done) => setTimeout(done, 1000 * (answer.retryAfter ?? 0.2)));
      }
    };
    await send(0);
    for (let i = 1; i < n - 1; i += 100) await Promise.all(Array.from({ length: Math.min(100, n - 1 - i) }, (_, j) => send(i + j)));
    await send(n - 1);
    socket.disconnect();
  }, many);
}

/** Watches every frame: how long it took, how many rows there are, whether rows moved apart, against the scrolling, or further than was scrolled. */
export function watchFrames() {
  const seen = { frames: [], apart: 0, backwards: 0, rows: 0, moved: 0, wheeled: 0, direction: 0 };
  window.seen = seen;
  addEventListener('wheel', (e) => (seen.wheeled += Math.abs(e.deltaY)), { passive: true, capture: true });
  let last = performance.now();
  let before = new Map();
  const look = (now) => {
    seen.frames.push(now - last);
    last = now;
    const rows = [...document.querySelectorAll('.message')];
    seen.rows = Math.max(seen.rows, rows.length);
    const at = new Map(rows.map((r) => [r.dataset.key, r.getBoundingClientRect().top]));
    const moves = [...at].filter(([key, top]) => before.has(key) && top > -innerHeight && top < 2 * innerHeight).map(([key, top]) => top - before.get(key));
    if (moves.length > 0) {
      if (Math.max(...moves) - Math.min(...moves) > 1.5) seen.apart++;
      const far = moves[0] * seen.direction; // positive: as it was scrolled
      if (far < -3) seen.backwards++;
      seen.moved += Math.abs(moves[0]);
    }
    before = at;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** Turns the wheel until something is reached. Up is negative. */
export async function wheelUntil(page, step, reached, most = 1e9) {
  await page.evaluate((direction) => (window.seen.direction = direction), -Math.sign(step));
  for (let i = 1; i <= most; i++) {
    await page.mouse.wheel(0, step);
    await page.waitForTimeout(15);
    if (i % 20 === 0 && (await page.evaluate(reached))) return true;
  }
  return false;
}

/** What has been seen, in numbers. */
export async function report(page) {
  const { frames, ...seen } = await page.evaluate(() => window.seen);
  const sorted = frames.slice(2).sort((a, b) => a - b);
  const at = (p) => Math.round(10 * sorted[Math.floor(sorted.length * p)]) / 10;
  const over = (ms) => Math.round((1000 * sorted.filter((f) => f > ms).length) / sorted.length) / 10;
  return { ...seen, frames: sorted.length, median: at(0.5), p95: at(0.95), p99: at(0.99), longest: Math.round(sorted.at(-1)), over17: over(17.2), over33: over(33.8) };
}

/** What is left in memory once everything that can be collected has been: megabytes of heap, nodes, listeners. */
export async function memory(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable');
  for (let i = 0; i < 3; i++) await devtools.send('HeapProfiler.collectGarbage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  await devtools.detach();
  const of = (name) => metrics.find((m) => m.name === name).value;
  return { heap: Math.round(of('JSHeapUsedSize') / 1e5) / 10, nodes: of('Nodes'), listeners: of('JSEventListeners') };
}

/** How long the page took, in milliseconds, from what the room that was opened last says to where it could be seen. */
export function opened(page, roomId) {
  return page.evaluate((id) => performance.getEntriesByName('room-opened').find((m) => m.detail === id)?.duration, roomId);
}

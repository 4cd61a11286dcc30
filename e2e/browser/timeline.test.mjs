import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, connected, launch, person, seesOnce } from './harness.mjs';

const MESSAGES = 1500;
let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start({ PARLEY_EVENTS_PER_MINUTE: '10000000' });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Fills the lobby from a page, with messages of many heights. */
async function fill(page, many) {
  return page.evaluate(async (n) => {
    const { io } = await import('/socket.io/socket.io.esm.min.js');
    const socket = io({ forceNew: true, transports: ['websocket'] });
    await new Promise((done) => socket.on('connect', done));
    await socket.emitWithAck('user-join', { username: 'Filler' });
    let sent = 0;
    for (let i = 0; i < n; i += 100) {
      const answers = await Promise.all(Array.from({ length: 100 }, (_, j) => socket.emitWithAck('chat-message', { text: `row ${i + j}. ${'words of it '.repeat(((i + j) * 7) % 13)}` })));
      sent += answers.filter((a) => a.success).length;
    }
    socket.disconnect();
    return sent;
  }, many);
}

/** Watches every frame: how long it took, how many rows there are, whether rows in sight moved apart or against the scrolling. */
function watchFrames() {
  const seen = { frames: [], apart: 0, backwards: 0, rows: 0 };
  window.seen = seen;
  let last = performance.now();
  let before = new Map();
  const look = (now) => {
    seen.frames.push(now - last);
    last = now;
    const rows = [...document.querySelectorAll('.message')];
    seen.rows = Math.max(seen.rows, rows.length);
    const at = new Map(rows.map((r) => [r.dataset.key, r.getBoundingClientRect().top]));
    const moves = [...at].filter(([key, top]) => before.has(key) && top > -innerHeight && top < 2 * innerHeight).map(([key, top]) => top - before.get(key));
    if (Math.max(...moves) - Math.min(...moves) > 1.5) seen.apart++;
    if (Math.min(...moves) < -3) seen.backwards++;
    before = at;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

test('a long room is scrolled through without a jump, with few rows at a time; a link leads into it, and back to its end', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  const { page } = ana;
  await connected(page);
  assert.equal(await fill(page, MESSAGES), MESSAGES);
  await page.reload();
  await connected(page);
  await seesOnce(page, `row ${MESSAGES - 1}.`);
  await page.mouse.move(700, 400);
  await page.evaluate(watchFrames);
  for (let i = 0; i < 160; i++) {
    await page.mouse.wheel(0, -150);
    await page.waitForTimeout(15);
  }
  const { frames, apart, backwards, rows } = await page.evaluate(() => window.seen);
  const sorted = frames.slice(2).sort((a, b) => a - b);
  const at = (p) => sorted[Math.floor(sorted.length * p)];
  const told = `frames ${sorted.length}, median ${at(0.5).toFixed(1)} ms, 95 % ${at(0.95).toFixed(1)} ms, ${rows} rows`;
  assert.deepEqual({ apart, backwards }, { apart: 0, backwards: 0 }, told);
  assert.ok(rows <= 300, told);
  assert.ok(at(0.5) < 20, told);
  await page.evaluate(() => (location.hash = 'room=general&at=50'));
  const highlighted = page.locator('.message.highlighted');
  await highlighted.waitFor();
  const top = await highlighted.evaluate((e) => e.getBoundingClientRect().top);
  assert.ok(top > 56 && top < 700, `the linked message stands at ${top}`);
  await highlighted.waitFor({ state: 'detached' });
  await page.locator('.to-end').click();
  await seesOnce(page, `row ${MESSAGES - 1}.`);
  assert.deepEqual(ana.problems, []);
  await ana.context.close();
});

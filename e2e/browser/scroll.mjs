// A room of many messages, scrolled through from its end to its beginning and back: node scroll.mjs [messages], after make build.
import assert from 'node:assert/strict';
import { Parley, connected, eventually, launch, person, seesOnce } from './harness.mjs';
import { memory, opened, report, watchFrames, wheelUntil } from './scrolling.mjs';

const MESSAGES = Number(process.argv[2] ?? 100_000);
const STEP = 1500;
const browser = await launch();
const server = await Parley.start({ PARLEY_EVENTS_PER_MINUTE: '10000000' });
try {
  // Straight into the log, as the filler's: sent one by one it would take longer than all the rest.
  const filler = await person(browser, server.url, { name: 'Filler' });
  await connected(filler.page);
  await filler.context.close();
  await server.end();
  server.sql(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${MESSAGES - 1})
    INSERT INTO log (room_id, seq, id, kind, actor_id, text, created_at, version)
    SELECT r.id, r.last_seq + 1 + i, printf('%026d', i), 'message', u.id, 'row ' || i || '. ' || substr(replace(hex(zeroblob(80)), '00', 'words of it '), 1, 12 * ((i * 7) % 13)),
      (strftime('%s', 'now') - ${MESSAGES} + i) * 1000000, r.last_seq + 1 + i
    FROM n, rooms r, users u WHERE r.id = 'general' AND u.name = 'Filler';
    UPDATE rooms SET last_seq = last_seq + ${MESSAGES} WHERE id = 'general';`);
  await server.start();
  const { page, problems } = await person(browser, server.url, { name: 'Ana' });
  await connected(page);
  await seesOnce(page, `row ${MESSAGES - 1}.`);
  await eventually(async () => (await opened(page, 'general')) !== undefined, 'it was measured');
  console.log(`opened ${(await opened(page, 'general')).toFixed(0)} ms after what it says was here`);
  await page.mouse.move(700, 400);
  const top = () => document.querySelector('.timeline').scrollTop === 0 && document.querySelector('.message')?.textContent.includes('row 0. ');
  const end = () => document.querySelector('.to-end') === null;
  await page.evaluate(watchFrames);
  await wheelUntil(page, -STEP, () => false, 60); // so that as much is kept as is ever kept
  await wheelUntil(page, STEP, end);
  const before = await memory(page);
  for (const [where, step, reached] of [['to its beginning', -STEP, top], ['back to its end', STEP, end]]) {
    const began = Date.now();
    await page.evaluate(() => Object.assign(window.seen, { frames: [], rows: 0, moved: 0, wheeled: 0 }));
    assert.ok(await wheelUntil(page, step, reached));
    const seen = await report(page);
    console.log(`${where} in ${((Date.now() - began) / 1000).toFixed(0)} s: ${JSON.stringify(seen)}`);
    assert.deepEqual({ apart: seen.apart, backwards: seen.backwards }, { apart: 0, backwards: 0 });
    assert.ok(seen.moved <= seen.wheeled + 100, `moved ${seen.moved} px of ${seen.wheeled}`);
    assert.ok(seen.rows <= 300, `${seen.rows} rows`);
  }
  await seesOnce(page, `row ${MESSAGES - 1}.`);
  const after = await memory(page);
  console.log(`memory before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
  assert.ok(after.heap < before.heap + 6 && after.nodes < before.nodes * 1.5 && after.listeners < before.listeners * 1.5);
  assert.deepEqual(problems, []);
} finally {
  await browser.close();
  await server.stop();
}

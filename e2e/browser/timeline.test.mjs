import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, account, connected, eventually, launch, newRoom, person, seesOnce } from './harness.mjs';
import { fill, memory, opened, report, watchFrames, wheelUntil } from './scrolling.mjs';

const MESSAGES = 1000;
let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start({ PARLEY_EVENTS_PER_MINUTE: '10000000' });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('a long room is scrolled through and back without a jump or a leak, with few rows at a time; a link leads into it, and back to its end', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  const { page } = ana;
  await connected(page);
  await fill(page, MESSAGES);
  await page.reload();
  await connected(page);
  await seesOnce(page, `row ${MESSAGES - 1}.`);
  await page.mouse.move(700, 400);
  await page.evaluate(watchFrames);
  const end = () => document.querySelector('.to-end') === null;
  await wheelUntil(page, -1000, () => false, 20);
  await wheelUntil(page, 1000, end, 400);
  const before = await memory(page);
  await wheelUntil(page, -150, () => false, 60); // as a person does
  await wheelUntil(page, -1000, () => document.querySelector('.timeline').scrollTop === 0 && document.querySelector('.message').textContent.includes('row 0.'), 400);
  await seesOnce(page, 'row 0.');
  await wheelUntil(page, 1000, end, 400);
  await seesOnce(page, `row ${MESSAGES - 1}.`);
  const { apart, backwards, rows, moved, wheeled, ...times } = await report(page);
  const told = `${rows} rows, moved ${moved} px of ${wheeled}, ${JSON.stringify(times)}`;
  assert.deepEqual({ apart, backwards }, { apart: 0, backwards: 0 }, told);
  assert.ok(rows <= 300 && moved <= wheeled + 100, told);
  assert.ok(times.median < 50, told);
  const after = await memory(page);
  assert.ok(after.heap < before.heap + 6 && after.nodes < before.nodes * 1.5 && after.listeners < before.listeners * 1.5, `${JSON.stringify(before)}, ${JSON.stringify(after)}`);
  await page.evaluate(() => (location.hash = 'room=general&at=50'));
  const highlighted = page.locator('.message.highlighted');
  await highlighted.waitFor();
  const top = await highlighted.evaluate((e) => e.getBoundingClientRect().top);
  assert.ok(top > 56 && top < 700, `the linked message stands at ${top}`);
  await highlighted.waitFor({ state: 'detached' });
  await page.locator('.to-end').click();
  await seesOnce(page, `row ${MESSAGES - 1}.`);
  assert.deepEqual(ana.problems, []);
  // Opened from elsewhere it is seen at once.
  await account(page, 'ana');
  await newRoom(page, 'Elsewhere');
  await page.getByRole('button', { name: /^General/ }).click();
  await seesOnce(page, `row ${MESSAGES - 1}.`);
  await eventually(async () => (await opened(page, 'general')) < 10_000, 'opened'); // scroll.mjs says how long it takes where nothing else runs
  await ana.context.close();
});

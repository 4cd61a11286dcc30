import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Parley, connected, launch, person, say, seesOnce } from './harness.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const colorScheme of ['light', 'dark']) {
  for (const width of [1440, 900, 390]) {
    test(`axe finds nothing at ${width} px, ${colorScheme}`, async () => {
      const ana = await person(browser, server.url, { name: 'Ana', colorScheme, viewport: { width, height: 800 }, bypassCSP: true });
      await connected(ana.page);
      await say(ana.page, `hello at ${width} ${colorScheme} https://example.test/`);
      await seesOnce(ana.page, `hello at ${width} ${colorScheme}`);
      await ana.page.evaluate(axe);
      const { violations } = await ana.page.evaluate(() => window.axe.run(document));
      assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`), []);
      const overflow = await ana.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.equal(overflow, 0, 'the page is wider than its window');
      await ana.context.close();
    });
  }
}

test('the page can be used by keyboard alone', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  await connected(ana.page);
  const reached = [];
  for (let i = 0; i < 40; i++) {
    await ana.page.keyboard.press('Tab');
    reached.push(await ana.page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim()));
  }
  for (const wanted of [/Change your name/, /Theme/, /Messages/, /Message General/]) assert.ok(reached.some((r) => wanted.test(r ?? '')), `${wanted} in ${reached}`);
  await ana.context.close();
});

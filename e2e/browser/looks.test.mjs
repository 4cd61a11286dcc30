import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Parley, account, act, becomes, connected, launch, newRoom, person, say, seesOnce, showPeople, write } from './harness.mjs';

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

async function violations(page) {
  const found = await page.evaluate(() => window.axe.run(document));
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
}

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing in rooms and dialogs, ${colorScheme}`, async () => {
    const ana = await person(browser, server.url, { name: 'Ana', colorScheme, bypassCSP: true });
    const { page } = ana;
    await connected(page);
    await page.evaluate(axe);
    await page.getByRole('button', { name: /^Your account/ }).click();
    assert.deepEqual(await violations(page), [], 'signing in');
    await page.getByRole('tab', { name: 'Profile' }).click();
    assert.deepEqual(await violations(page), [], 'the profile');
    await page.keyboard.press('Escape');
    await account(page, `ana-${colorScheme}`);
    await page.getByRole('button', { name: `Account ana-${colorScheme}` }).click();
    await page.getByRole('tab', { name: 'Devices' }).click();
    await page.getByText('this device').waitFor();
    assert.deepEqual(await violations(page), [], 'the devices');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'New room', exact: true }).click();
    assert.deepEqual(await violations(page), [], 'a new room');
    await page.keyboard.press('Escape');
    await newRoom(page, 'Secret', { who: 'Only who is invited' });
    await write(page, 'Secret', 'said here');
    await seesOnce(page, 'said here');
    await act(page, 'said here', 'React');
    await page.getByRole('button', { name: 'Food and drink' }).click();
    assert.deepEqual(await violations(page), [], 'choosing a reaction');
    await page.getByRole('button', { name: 'Used lately' }).click();
    await page.locator('.picker').getByLabel('React with 👍').click();
    await page.locator('.reaction').waitFor();
    await act(page, 'said here', 'Reply');
    assert.deepEqual(await violations(page), [], 'answering');
    await page.locator('.message').hover();
    await page.getByRole('button', { name: 'More' }).click();
    assert.deepEqual(await violations(page), [], 'a menu');
    await page.keyboard.press('Escape');
    await showPeople(page);
    assert.deepEqual(await violations(page), [], 'the members');
    await page.locator('.members button').first().click();
    await page.locator('.profile').waitFor();
    assert.deepEqual(await violations(page), [], 'a person');
    await page.getByLabel('Room settings').click();
    assert.deepEqual(await violations(page), [], "the room's settings");
    await page.keyboard.press('Escape');
    for (const [keys, what] of [['Control+Shift+m', 'mentions'], ['Control+Shift+f', 'search'], ['Control+/', 'keys'], ['Control+k', 'finding']]) {
      await page.keyboard.press(keys);
      await page.waitForTimeout(400);
      assert.deepEqual(await violations(page), [], what);
    }
    await page.keyboard.press('Escape');
    await page.getByLabel('Browse rooms').click();
    await page.locator('.listed').first().waitFor();
    assert.deepEqual(await violations(page), [], 'browsing');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Settings', exact: true }).click();
    assert.deepEqual(await violations(page), [], 'settings');
    await page.getByLabel('High contrast').check();
    assert.deepEqual(await violations(page), [], 'high contrast');
    await ana.context.close();
  });
}

test('a dialog that takes the place of another stays open', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  const { page } = ana;
  await connected(page);
  const dialog = (name) => page.getByRole('dialog', { name });
  for (let i = 0; i < 3; i++) {
    await page.keyboard.press('Control+k');
    await page.keyboard.press('Control+/'); // while the first is open
    await page.waitForTimeout(100);
    await becomes(() => dialog('Keys').isVisible(), true);
    await page.evaluate(() => { // Escape and the next one at once, before the browser has told of the closing
      document.querySelector('dialog').close();
      dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true }));
    });
    await page.waitForTimeout(100);
    await becomes(() => dialog('Find rooms and people').isVisible(), true);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
  await ana.context.close();
});

test('the page can be used by keyboard alone', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  await connected(ana.page);
  const reached = [];
  for (let i = 0; i < 40; i++) {
    await ana.page.keyboard.press('Tab');
    reached.push(await ana.page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim()));
  }
  for (const wanted of [/^Your account/, /Settings/, /hello at/, /^Reply/, /Message General/]) assert.ok(reached.some((r) => wanted.test(r ?? '')), `${wanted} in ${reached}`);
  await ana.context.close();
});

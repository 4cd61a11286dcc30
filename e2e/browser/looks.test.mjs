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
    await page.getByLabel('Sign in or create an account').click();
    assert.deepEqual(await violations(page), [], 'signing in');
    await page.getByRole('tab', { name: 'Create account' }).click();
    await page.getByLabel('Account name').fill(`ana-${colorScheme}`);
    await page.getByLabel('Password').fill('a long enough password');
    await page.getByRole('dialog').getByRole('button', { name: 'Create account', exact: true }).click();
    await page.getByLabel(`Account ana-${colorScheme}`).click();
    await page.getByText('this device').waitFor();
    assert.deepEqual(await violations(page), [], 'the account');
    await page.keyboard.press('Escape');
    await page.getByLabel('New room').click();
    assert.deepEqual(await violations(page), [], 'a new room');
    await page.getByLabel('Name', { exact: true }).fill('Secret');
    await page.getByLabel('Only who is invited').check();
    await page.getByRole('button', { name: 'Create room' }).click();
    await page.getByLabel('Message Secret').fill('said here');
    await page.getByLabel('Message Secret').press('Enter');
    await seesOnce(page, 'said here');
    const row = page.locator('.message', { hasText: 'said here' });
    await row.hover();
    await row.getByRole('button', { name: 'React', exact: true }).click();
    assert.deepEqual(await violations(page), [], 'choosing a reaction');
    await page.getByLabel('React with 👍').click();
    await row.locator('.reaction').waitFor();
    await row.hover();
    await row.getByRole('button', { name: 'Reply', exact: true }).click();
    assert.deepEqual(await violations(page), [], 'answering');
    await page.getByLabel(/Members and settings/).click();
    assert.deepEqual(await violations(page), [], 'the members');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').getByRole('button', { name: /General/ }).waitFor();
    assert.deepEqual(await violations(page), [], 'finding');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Shift+f');
    assert.deepEqual(await violations(page), [], 'searching');
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
    await page.keyboard.press('Control+Shift+f'); // while the first is open
    await page.waitForTimeout(100);
    assert.equal(await dialog('Search messages').isVisible(), true);
    await page.evaluate(() => { // Escape and the next one at once, before the browser has told of the closing
      document.querySelector('dialog').close();
      dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true }));
    });
    await page.waitForTimeout(100);
    assert.equal(await dialog('Find rooms and people').isVisible(), true);
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
  for (const wanted of [/Change your name/, /Theme/, /Messages/, /Message General/]) assert.ok(reached.some((r) => wanted.test(r ?? '')), `${wanted} in ${reached}`);
  await ana.context.close();
});

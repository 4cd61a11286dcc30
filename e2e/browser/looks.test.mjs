import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, account, act, becomes, connected, launch, looksRight, newRoom, person, say, seesOnce, showPeople, write } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('axe finds nothing in rooms and dialogs, in any theme, size and direction', async () => {
  const ana = await person(browser, server.url, { name: 'Ana', bypassCSP: true });
  const { page } = ana;
  await connected(page);
  await looksRight(page, 'an empty room');
  await say(page, 'hello at home https://example.test/');
  await seesOnce(page, 'hello at home');
  await looksRight(page, 'the lobby');
  await page.getByRole('button', { name: /^Your account/ }).click();
  await looksRight(page, 'signing in');
  await page.getByRole('tab', { name: 'Profile' }).click();
  await looksRight(page, 'the profile');
  await page.keyboard.press('Escape');
  await account(page, 'ana');
  await page.getByRole('button', { name: 'Account ana' }).click();
  await page.getByRole('tab', { name: 'Devices' }).click();
  await page.getByText('this device').waitFor();
  await looksRight(page, 'the devices');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'New room', exact: true }).click();
  await looksRight(page, 'a new room');
  await page.keyboard.press('Escape');
  await newRoom(page, 'Secret', { who: 'Only who is invited' });
  await write(page, 'Secret', 'said here');
  await seesOnce(page, 'said here');
  await act(page, 'said here', 'React');
  await page.getByRole('button', { name: 'Food and drink' }).click();
  await looksRight(page, 'choosing a reaction');
  await page.getByRole('button', { name: 'Used lately' }).click();
  await page.locator('.picker').getByLabel('React with 👍').click();
  await page.locator('.reaction').waitFor();
  await act(page, 'said here', 'Reply');
  await looksRight(page, 'answering');
  await page.locator('.message').hover();
  await page.getByRole('button', { name: 'More' }).click();
  await looksRight(page, 'a menu');
  await page.keyboard.press('Escape');
  await showPeople(page);
  await looksRight(page, 'the members');
  await page.locator('.members button').first().click();
  await page.locator('.profile').waitFor();
  await looksRight(page, 'a person');
  await page.getByLabel('Room settings').click();
  await looksRight(page, "the room's settings");
  await page.keyboard.press('Escape');
  for (const [keys, what] of [['Control+Shift+m', 'mentions'], ['Control+Shift+f', 'search'], ['Control+/', 'keys'], ['Control+k', 'finding']]) {
    await page.keyboard.press(keys);
    await page.waitForTimeout(400);
    await looksRight(page, what);
  }
  await page.keyboard.press('Escape');
  await page.getByLabel('Browse rooms').click();
  await page.locator('.listed').first().waitFor();
  await looksRight(page, 'browsing');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Settings', exact: true }).click();
  await looksRight(page, 'settings');
  await page.getByRole('button', { name: 'Emoji of this server' }).click();
  await page.getByRole('dialog', { name: 'Emoji of this server' }).waitFor();
  await looksRight(page, 'the emoji');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Settings', exact: true }).click();
  await page.getByLabel('High contrast').check();
  await looksRight(page, 'high contrast');
  await ana.context.close();
});

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

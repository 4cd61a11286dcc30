import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, connected, eventually, launch, line, person, say, seesOnce } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const PASSWORD = 'a long enough password';

/** Creates an account, or signs in to one, through the page. */
async function account(page, name, tab = 'Create account') {
  await page.getByLabel('Sign in or create an account').click();
  await page.getByRole('tab', { name: tab }).click();
  await page.getByLabel('Account name').fill(name);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('dialog').getByRole('button', { name: tab, exact: true }).click();
  await page.getByLabel(`Account ${name}`).waitFor();
}

async function write(page, room, text) {
  await page.getByLabel(`Message ${room}`, { exact: true }).fill(text);
  await page.getByLabel(`Message ${room}`, { exact: true }).press('Enter');
}

/** Chooses what to do with a message. */
async function act(page, text, what) {
  const row = page.locator('.message', { hasText: text });
  await row.hover();
  await row.getByRole('button', { name: what, exact: true }).click();
}

test('a private room, from its making to leaving it', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  const ben = await person(browser, server.url, { name: 'Ben' });
  await connected(ana.page);
  await connected(ben.page);
  await say(ben.page, 'written as a guest');
  await account(ana.page, 'ana');
  await account(ben.page, 'ben');
  await ana.page.getByLabel('New room').click();
  await ana.page.getByLabel('Name', { exact: true }).fill('Plans');
  await ana.page.getByLabel('Topic').fill('What we are up to');
  await ana.page.getByLabel('Only who is invited').check();
  await ana.page.getByRole('button', { name: 'Create room' }).click();
  await write(ana.page, 'Plans', 'before anybody came');
  await ana.page.getByLabel(/Members and settings/).click();
  await ana.page.getByLabel('Add somebody').fill('be');
  await ana.page.getByRole('dialog').locator('li', { hasText: 'Ben' }).getByRole('button', { name: 'Add' }).click();
  await ana.page.getByRole('dialog').locator('.members li', { hasText: 'Ben' }).waitFor();
  await ana.page.getByLabel('Close').click();
  await write(ana.page, 'Plans', 'hello @ben');
  const link = ben.page.getByRole('button', { name: /^Plans, 1 unread, 1 for you/ });
  await link.waitFor();
  await link.click();
  await seesOnce(ben.page, 'hello @ben');
  assert.equal(await line(ben.page, 'before anybody came').count(), 0);
  await eventually(async () => (await ana.page.locator('.sent.read').count()) > 0, 'the tick of what was read');

  await act(ben.page, 'hello @ben', 'Reply');
  await write(ben.page, 'Plans', 'hello yourself');
  await ana.page.locator('.message', { hasText: 'hello yourself' }).locator('.quote', { hasText: 'hello @ben' }).waitFor();
  await act(ana.page, 'hello yourself', 'React');
  await ana.page.getByLabel('React with 🎉').click();
  await ben.page.getByRole('button', { name: '🎉, 1' }).waitFor();
  await ben.page.getByLabel('Message Plans').press('ArrowUp');
  await ben.page.getByLabel('Message Plans').fill('hello to you too');
  await ben.page.getByLabel('Message Plans').press('Enter');
  await ana.page.locator('.message', { hasText: 'hello to you too' }).locator('.edited').waitFor();
  ben.page.once('dialog', (d) => void d.accept());
  await act(ben.page, 'hello to you too', 'Delete');
  await ana.page.locator('.deleted').waitFor();
  assert.equal(await line(ana.page, 'hello to you too').count(), 0);

  await ana.page.getByLabel(/Members and settings/).click();
  await ana.page.getByLabel('Remove Ben').click();
  await ben.page.getByRole('heading', { name: 'General' }).waitFor();
  await eventually(async () => (await ben.page.getByRole('button', { name: /^Plans/ }).count()) === 0, 'the room is gone from the sidebar');
  assert.deepEqual([...ana.problems, ...ben.problems], []);
  await ana.context.close();
  await ben.context.close();
});

test('an account is the same person on another device, which can be signed out', async () => {
  const phone = await person(browser, server.url, { name: 'Somebody', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await connected(phone.page);
  await phone.page.getByRole('button', { name: 'People and settings' }).click();
  await account(phone.page, 'ana', 'Sign in');
  await phone.page.getByRole('button', { name: /^Plans/ }).click();
  await seesOnce(phone.page, 'hello @ben');
  await phone.page.reload();
  await connected(phone.page);
  await seesOnce(phone.page, 'hello @ben');
  assert.equal(await phone.page.evaluate(() => localStorage.getItem('parley.token')), null, 'the token is where scripts can read it');
  const desk = await person(browser, server.url, { name: 'Somebody else' });
  await connected(desk.page);
  await account(desk.page, 'ana', 'Sign in');
  await desk.page.getByLabel('Account ana').click();
  const devices = desk.page.getByRole('dialog').locator('li', { hasNotText: 'this device' });
  await devices.first().waitFor();
  for (let n = await devices.count(); n > 0; n--) {
    await devices.first().getByRole('button', { name: 'Sign out' }).click();
    await eventually(async () => (await devices.count()) === n - 1, 'one device less');
  }
  await phone.page.getByRole('button', { name: 'People and settings' }).click();
  await phone.page.getByLabel('Sign in or create an account').waitFor();
  assert.equal(await phone.page.getByRole('button', { name: /^Plans/ }).count(), 0);
  assert.deepEqual([...phone.problems, ...desk.problems], []);
  await phone.context.close();
  await desk.context.close();
});

test('direct messages, found by search, and drafts that stay in their rooms', async () => {
  const cleo = await person(browser, server.url, { name: 'Cleo' });
  const dora = await person(browser, server.url, { name: 'Dora' });
  await connected(cleo.page);
  await connected(dora.page);
  await cleo.page.keyboard.press('Control+k');
  await cleo.page.getByLabel('Beginning of a name').fill('dor');
  await cleo.page.getByRole('button', { name: /Dora.*message/ }).click();
  await write(cleo.page, 'Dora', 'the crème brûlée is ready');
  await dora.page.getByRole('navigation', { name: 'Direct messages' }).getByRole('button', { name: /^Cleo, 1 unread/ }).click();
  await seesOnce(dora.page, 'the crème brûlée is ready');
  await dora.page.getByLabel('Message Cleo').fill('a draft for Cleo');
  await dora.page.getByRole('button', { name: /^General/ }).click();
  assert.equal(await dora.page.getByLabel('Message General').inputValue(), '');
  await dora.page.getByRole('navigation', { name: 'Direct messages' }).getByRole('button', { name: /^Cleo/ }).click();
  assert.equal(await dora.page.getByLabel('Message Cleo').inputValue(), 'a draft for Cleo');
  await dora.page.getByLabel('Search messages').click();
  await eventually(async () => {
    await dora.page.getByRole('searchbox', { name: 'Search messages' }).fill('creme brulee');
    await dora.page.getByRole('searchbox', { name: 'Search messages' }).press('Enter');
    await dora.page.waitForTimeout(200);
    return (await dora.page.locator('.result-text', { hasText: 'crème brûlée' }).count()) === 1;
  }, 'the message is found');
  assert.deepEqual([...cleo.problems, ...dora.problems], []);
  await cleo.context.close();
  await dora.context.close();
});

test('a link into a room, on a server that admits nobody without an invitation', async () => {
  const closed = await Parley.start({ PARLEY_GUESTS: 'false', PARLEY_SIGN_UP: 'invite' });
  const owner = await person(browser, closed.url);
  await owner.page.getByRole('tab', { name: 'Create account' }).click();
  await owner.page.getByLabel('Account name').fill('owner');
  await owner.page.getByLabel('Password').fill(PASSWORD);
  await owner.page.getByRole('button', { name: 'Create account', exact: true }).click();
  await connected(owner.page);
  await owner.page.getByLabel('New room').click();
  await owner.page.getByLabel('Name', { exact: true }).fill('Team');
  await owner.page.getByLabel('Only who is invited').check();
  await owner.page.getByRole('button', { name: 'Create room' }).click();
  await owner.page.getByLabel(/Members and settings/).click();
  await owner.page.getByRole('button', { name: 'Make a link into this room' }).click();
  const link = await owner.page.getByLabel('Link into this room').inputValue();
  const guest = await person(browser, link);
  await guest.page.getByLabel('Account name').fill('newcomer');
  await guest.page.getByLabel('Password').fill(PASSWORD);
  await guest.page.getByRole('button', { name: 'Create account', exact: true }).click();
  await guest.page.getByRole('heading', { name: 'Team' }).waitFor();
  await owner.page.getByLabel('Close').click();
  await write(guest.page, 'Team', 'here I am');
  await seesOnce(owner.page, 'here I am');
  assert.deepEqual([...owner.problems, ...guest.problems], []);
  await owner.context.close();
  await guest.context.close();
  await closed.stop();
});

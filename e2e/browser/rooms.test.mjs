import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, account, act, becomes, connected, eventually, launch, line, newRoom, person, say, seesOnce, showPeople, write } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('a private room, from its making to leaving it', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  const ben = await person(browser, server.url, { name: 'Ben' });
  await connected(ana.page);
  await connected(ben.page);
  await say(ben.page, 'written as a guest');
  await account(ana.page, 'ana');
  await account(ben.page, 'ben');
  await newRoom(ana.page, 'Plans', { topic: 'What we are up to', who: 'Only who is invited' });
  await write(ana.page, 'Plans', 'before anybody came');
  await showPeople(ana.page);
  await ana.page.getByLabel('Find or add somebody').fill('be');
  await ana.page.locator('.panel li', { hasText: 'Ben' }).getByRole('button', { name: 'Add' }).click();
  await ana.page.locator('.members li', { hasText: 'Ben' }).waitFor();
  await write(ana.page, 'Plans', 'hello @ben');
  const link = ben.page.getByRole('button', { name: /^Plans, 1 unread, 1 for you/ });
  await link.waitFor();
  await link.click();
  await seesOnce(ben.page, 'hello @ben');
  await becomes(() => line(ben.page, 'before anybody came').count(), 0);
  await eventually(async () => (await ana.page.locator('.sent.read').count()) > 0, 'the tick of what was read');

  await act(ben.page, 'hello @ben', 'Reply');
  await write(ben.page, 'Plans', 'hello yourself');
  await ana.page.locator('.message', { hasText: 'hello yourself' }).locator('.quote', { hasText: 'hello @ben' }).waitFor();
  await act(ana.page, 'hello yourself', 'React');
  await ana.page.locator('.picker').getByLabel('React with 🎉').first().click();
  await ben.page.getByRole('button', { name: '🎉, 1' }).waitFor();
  await ben.page.getByLabel('Message Plans').press('ArrowUp');
  await ben.page.getByLabel('Message Plans').fill('hello to you too');
  await ben.page.getByLabel('Message Plans').press('Enter');
  await ana.page.locator('.message', { hasText: 'hello to you too' }).locator('.edited').waitFor();
  await act(ben.page, 'hello to you too', 'Delete');
  await ben.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await ana.page.locator('.deleted').waitFor();
  await becomes(() => line(ana.page, 'hello to you too').count(), 0);

  await ana.page.locator('.members button', { hasText: 'Ben' }).click();
  await ana.page.getByRole('button', { name: 'Remove from this room' }).click();
  await ben.page.getByRole('heading', { name: 'General' }).waitFor();
  await eventually(async () => (await ben.page.getByRole('button', { name: /^Plans/ }).count()) === 0, 'the room is gone from the sidebar');
  assert.deepEqual([...ana.problems, ...ben.problems], []);
  await ana.context.close();
  await ben.context.close();
});

test('an account is the same person on another device, which can be signed out', async () => {
  const phone = await person(browser, server.url, { name: 'Somebody', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await connected(phone.page);
  await phone.page.getByRole('button', { name: 'Rooms and people' }).click();
  await account(phone.page, 'ana', { mode: 'Sign in' });
  await phone.page.getByRole('button', { name: /^Plans/ }).click();
  await seesOnce(phone.page, 'hello @ben');
  await phone.page.reload();
  await connected(phone.page);
  await seesOnce(phone.page, 'hello @ben');
  await becomes(() => phone.page.evaluate(() => localStorage.getItem('parley.token')), null, 'the token is where scripts can read it');
  const desk = await person(browser, server.url, { name: 'Somebody else' });
  await connected(desk.page);
  await account(desk.page, 'ana', { mode: 'Sign in' });
  await desk.page.getByRole('button', { name: 'Account ana' }).click();
  await desk.page.getByRole('tab', { name: 'Devices' }).click();
  const devices = desk.page.getByRole('dialog').locator('li', { hasNotText: 'this device' });
  await devices.first().waitFor();
  for (let n = await devices.count(); n > 0; n--) {
    await devices.first().getByRole('button', { name: 'Sign out' }).click();
    await eventually(async () => (await devices.count()) === n - 1, 'one device less');
  }
  await phone.page.getByRole('button', { name: 'Rooms and people' }).click();
  await phone.page.getByRole('button', { name: /^Your account/ }).waitFor();
  await eventually(async () => (await phone.page.getByRole('button', { name: /^Plans/ }).count()) === 0, 'the rooms of the account are gone');
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
  await cleo.page.getByRole('combobox', { name: 'Find rooms and people' }).fill('@dor');
  await cleo.page.getByRole('option', { name: /Dora/ }).click();
  await write(cleo.page, 'Dora', 'the crème brûlée is ready');
  await dora.page.getByRole('navigation', { name: 'Direct messages' }).getByRole('button', { name: /^Cleo, 1 unread/ }).click();
  await seesOnce(dora.page, 'the crème brûlée is ready');
  await dora.page.getByLabel('Message Cleo').fill('a draft for Cleo');
  await dora.page.getByRole('button', { name: /^General/ }).click();
  await becomes(() => dora.page.getByLabel('Message General').inputValue(), '');
  await dora.page.getByRole('navigation', { name: 'Direct messages' }).getByRole('button', { name: /^Cleo/ }).click();
  await becomes(() => dora.page.getByLabel('Message Cleo').inputValue(), 'a draft for Cleo');
  await dora.page.locator('.room-header').getByLabel('Search messages').click();
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
  await account(owner.page, 'owner');
  await newRoom(owner.page, 'Team', { who: 'Only who is invited' });
  await showPeople(owner.page);
  await owner.page.getByRole('button', { name: 'Make a link into this room' }).click();
  const link = await owner.page.getByLabel('Link into this room').inputValue();
  const guest = await person(browser, link);
  await guest.page.getByLabel('Account name').waitFor();
  await account(guest.page, 'newcomer');
  await guest.page.getByRole('heading', { name: 'Team' }).waitFor();
  await write(guest.page, 'Team', 'here I am');
  await seesOnce(owner.page, 'here I am');
  assert.deepEqual([...owner.problems, ...guest.problems], []);
  await owner.context.close();
  await guest.context.close();
  await closed.stop();
});

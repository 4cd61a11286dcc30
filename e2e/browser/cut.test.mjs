// The network goes in the middle: the server has heard what was asked, and its answer is lost. Nothing happens twice, and nothing is lost.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Network, Parley, account, act, becomes, connected, eventually, launch, line, newRoom, person, say, seesOnce, write } from './harness.mjs';

let browser, server, network;
before(async () => {
  browser = await launch();
  server = await Parley.start();
  network = await Network.to(server);
});
after(async () => {
  await browser?.close();
  await network?.stop();
  await server?.stop();
});

/** Does something whose answer is lost, and waits until the page has a connection again. */
async function cutIn(page, event, how) {
  const before = network.lost;
  network.lose(event);
  await how();
  await eventually(() => network.lost === before + 1, `${event} was asked`);
  await page.locator('.status:not([data-status=connected])').waitFor({ state: 'attached' });
  await connected(page);
}

const answerless = (page) => page.getByText('No connection: try again');

test('an account is made although nobody heard of it, and its owner comes in by its password', async () => {
  const eve = await person(browser, network.url, { name: 'Eve' });
  const { page } = eve;
  await connected(page);
  await say(page, 'written as a guest');
  await seesOnce(page, 'written as a guest');
  await page.getByRole('button', { name: /^Your account/ }).click();
  const form = page.getByRole('dialog');
  await form.getByRole('group', { name: 'Account' }).getByRole('button', { name: 'Create account' }).click();
  await form.getByLabel('Account name').fill('eve');
  await form.getByLabel('Password', { exact: true }).fill('a long enough password');
  await cutIn(page, 'account-create', () => form.locator('form').getByRole('button', { name: 'Create account', exact: true }).click());
  await page.keyboard.press('Escape');
  await form.waitFor({ state: 'detached' });
  const mine = page.getByRole('button', { name: /^(Your account|Account eve)/ });
  await mine.waitFor();
  if (/^Your/.test(await mine.evaluate((e) => e.textContent.trim()))) await account(page, 'eve', { mode: 'Sign in' });
  await page.getByRole('button', { name: 'Account eve' }).waitFor();
  await page.reload();
  await connected(page);
  await page.getByRole('button', { name: 'Account eve' }).waitFor();
  await seesOnce(page, 'written as a guest');
  assert.equal(server.sql("SELECT count(*) FROM users WHERE login = 'eve'"), '1');
  assert.deepEqual(eve.problems, []);
  await eve.context.close();
});

test('messages, edits, reactions, votes, replies, rooms, forwards: asked again they have happened once', async () => {
  const ana = await person(browser, network.url, { name: 'Ana' });
  const ben = await person(browser, server.url, { name: 'Ben' });
  const { page } = ana;
  await connected(page);
  await account(page, 'ana');
  await connected(ben.page);
  await account(ben.page, 'ben');

  await cutIn(page, 'chat-message', () => say(page, 'said into the tunnel'));
  for (const p of [page, ben.page]) await seesOnce(p, 'said into the tunnel');
  await becomes(() => page.locator('.message .sent').count(), 1);

  await act(page, 'said into the tunnel', 'Edit');
  await page.getByLabel('Message General').fill('changed in the tunnel');
  await cutIn(page, 'message-edit', () => page.getByLabel('Message General').press('Enter'));
  for (const p of [page, ben.page]) await seesOnce(p, 'changed in the tunnel');
  await page.getByRole('alert').filter({ hasText: 'No connection' }).waitFor();
  await page.getByLabel('Message General').press('Enter'); // once more, and it is over
  await becomes(() => page.locator('.composing').count(), 0);
  assert.equal(server.sql("SELECT count(*) FROM log WHERE kind = 'edit'"), '1');

  await act(page, 'changed in the tunnel', 'React');
  await cutIn(page, 'message-react', () => page.locator('.picker').getByLabel('React with 🎉').first().click());
  for (const p of [page, ben.page]) await p.getByRole('button', { name: '🎉, 1' }).waitFor();

  await page.getByRole('button', { name: 'New room', exact: true }).click();
  await page.getByLabel('Name', { exact: true }).fill('Tunnel');
  const create = page.getByRole('dialog').getByRole('button', { name: 'Create room' });
  await cutIn(page, 'room-create', () => create.click());
  await answerless(page).first().waitFor();
  await create.click();
  await page.getByLabel('Message Tunnel').waitFor();
  await becomes(() => page.getByRole('navigation', { name: 'Rooms' }).getByRole('button', { name: /^Tunnel/ }).count(), 1);
  assert.equal(server.sql("SELECT count(*) FROM rooms WHERE name = 'Tunnel'"), '1');

  await page.getByRole('button', { name: 'New poll' }).click();
  await page.getByLabel('Question').fill('Through it?');
  await page.getByLabel('Option 1').fill('Yes');
  await page.getByLabel('Option 2').fill('No');
  const ask = page.getByRole('dialog').getByRole('button', { name: 'Ask', exact: true });
  await cutIn(page, 'poll-create', () => ask.click());
  await answerless(page).first().waitFor();
  await ask.click();
  const poll = page.locator('.message', { hasText: 'Through it?' });
  await poll.waitFor();
  await becomes(() => poll.count(), 1);
  const yes = poll.getByRole('radio', { name: /Yes/ });
  await cutIn(page, 'poll-vote', () => yes.click());
  await eventually(async () => {
    if (!(await yes.isChecked())) await yes.click();
    return (await poll.locator('.poll-votes').allTextContents()).join() === '1 vote,0 votes';
  }, 'one vote');

  await write(page, 'Tunnel', 'to be passed on');
  await seesOnce(page, 'to be passed on');
  await act(page, 'to be passed on', 'Forward');
  const dialog = page.getByRole('dialog', { name: 'Forward this message' });
  await dialog.getByRole('radio', { name: 'General' }).check();
  const forward = dialog.getByRole('button', { name: 'Forward', exact: true });
  await cutIn(page, 'message-forward', () => forward.click());
  await answerless(page).first().waitFor();
  await forward.click();
  await dialog.waitFor({ state: 'detached' });
  await ben.page.locator('.message .forwarded', { hasText: 'to be passed on' }).waitFor();
  assert.equal(await ben.page.locator('.message .forwarded').count(), 1);

  await act(page, 'to be passed on', 'Thread');
  await page.getByLabel('Reply in thread').fill('said beside it');
  await cutIn(page, 'chat-message', () => page.getByLabel('Reply in thread').press('Enter'));
  await becomes(() => page.locator('.thread .message', { hasText: 'said beside it' }).count(), 1);
  await becomes(() => page.locator('.thread .message .sent').count(), 1);
  assert.equal(server.sql("SELECT count(*) FROM log WHERE text = 'said beside it'"), '1');

  await act(page, 'to be passed on', 'Delete');
  await cutIn(page, 'message-delete', () => page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click());
  await becomes(() => line(page, 'to be passed on').filter({ hasNot: page.locator('.forwarded') }).count(), 0);
  assert.deepEqual([...ana.problems, ...ben.problems], []);
  await ana.context.close();
  await ben.context.close();
});

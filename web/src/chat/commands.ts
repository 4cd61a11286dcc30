import { t, type Key } from '../i18n/index.svelte';
import type { Chat } from './chat.svelte';

export interface Command {
  name: string;
  help: Key;
  /** Does it. Returns what is wrong, or nothing. */
  run: (chat: Chat, rest: string) => Promise<string> | string;
}

/** What can be done by writing instead of clicking. */
export const commands: Command[] = [
  { name: 'shrug', help: 'command-shrug', run: (chat, rest) => (chat.main.send(`${rest} ¯\\\\\\_(ツ)\\_/¯`.trim()), '') },
  { name: 'status', help: 'command-status', run: (chat, rest) => chat.server.attempt('profile-update', { status: rest }) },
  { name: 'away', help: 'command-away', run: (chat) => chat.server.attempt('profile-update', { presence: 'away' }) },
  { name: 'dnd', help: 'command-dnd', run: (chat) => chat.server.attempt('profile-update', { presence: 'dnd' }) },
  { name: 'back', help: 'command-back', run: (chat) => chat.server.attempt('profile-update', { presence: 'auto' }) },
  { name: 'topic', help: 'command-topic', run: (chat, rest) => chat.server.attempt('room-update', { roomId: chat.rooms.current, topic: rest }) },
  { name: 'leave', help: 'command-leave', run: (chat) => chat.server.attempt('room-leave', { roomId: chat.rooms.current }) },
  { name: 'msg', help: 'command-msg', run: message },
];

async function message(chat: Chat, rest: string): Promise<string> {
  const name = rest.replace(/^@/, '').trim();
  const [person] = await chat.people.find(name);
  return person ? chat.openBy('direct-open', { userIds: [person.userId] }) : t('nobody-found');
}

/** The command that a text is, with what follows its name; nothing when it is none. */
export function commandOf(text: string): { command: Command; rest: string } | undefined {
  const found = /^\/([a-z]+)(?:\s+([\s\S]*))?$/.exec(text.trim());
  const command = commands.find((c) => c.name === found?.[1]);
  return command && { command, rest: found?.[2]?.trim() ?? '' };
}

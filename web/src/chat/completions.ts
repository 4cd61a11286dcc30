import { t } from '../i18n/index.svelte';
import { roomTag, type Token } from '../state/complete';
import { findEmoji, loadEmoji } from '../state/emoji';
import { rank } from '../state/fuzzy';
import type { Chat } from './chat.svelte';
import { commands } from './commands';

/** Something that can be put in a token's place. */
export interface Completion {
  key: string;
  label: string;
  more: string;
  insert: string;
  person?: { userId: string; username: string };
  emoji?: string;
}

const AT_MOST = 8;

export async function completionsFor(chat: Chat, token: Token): Promise<Completion[]> {
  if (token.trigger === '@') return people(chat, token.query);
  if (token.trigger === '#') {
    const rooms = [...chat.rooms.sorted.favourites, ...chat.rooms.sorted.rooms].filter((r) => r.name !== '');
    return rank(token.query, rooms, (r) => [r.name, roomTag(r.name)]).slice(0, AT_MOST).map((r) => ({ key: r.roomId, label: r.name, more: r.topic, insert: `#${roomTag(r.name)}` }));
  }
  if (token.trigger === ':') {
    const data = await loadEmoji();
    const own = chat.emoji.list.filter((e) => e.name.startsWith(token.query.toLowerCase())).map((e) => ({ key: e.name, label: `:${e.name}:`, more: '', insert: `:${e.name}:`, emoji: `:${e.name}:` }));
    return [...own, ...findEmoji(data, token.query, AT_MOST).map((e) => ({ key: e.emoji, label: `:${e.names[0] ?? ''}:`, more: '', insert: e.emoji, emoji: e.emoji }))].slice(0, AT_MOST);
  }
  return commands.filter((c) => c.name.startsWith(token.query)).map((c) => ({ key: c.name, label: `/${c.name}`, more: t(c.help), insert: `/${c.name}` }));
}

async function people(chat: Chat, query: string): Promise<Completion[]> {
  const local = new Map<string, { userId: string; username: string; login?: string }>();
  for (const p of [...chat.members, ...(chat.rooms.room?.peers ?? []), ...chat.people.here]) local.set(p.userId, { ...p, login: chat.people.known.get(p.userId)?.login });
  if (query !== '' && local.size > AT_MOST) for (const p of await chat.people.find(query)) local.set(p.userId, p);
  local.delete(chat.session.me.userId);
  const found: Completion[] = rank(query, [...local.values()], (p) => [p.username, p.login ?? '']).slice(0, AT_MOST).map((p) => ({
    key: p.userId, label: p.username, more: p.login ? `@${p.login}` : '', insert: `@${p.login ?? p.username}`, person: { userId: p.userId, username: p.username },
  }));
  for (const [name, more] of [['all', t('mention-all')], ['here', t('mention-here')]] as const) {
    if (!chat.rooms.isDirect && name.startsWith(query)) found.push({ key: name, label: `@${name}`, more, insert: `@${name}` });
  }
  return found.slice(0, AT_MOST);
}

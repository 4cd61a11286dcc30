import type { Level, Mentions, NotifySettings, RoomKind } from '../wire';

// How somebody is told of a message: the decision that the server makes for what it pushes and mails (chat.Notify), made here for what counts
// and rings. Both are held together by the cases in internal/chat/testdata/notify.json.

/** The ways of telling, of which there may be several. */
export const BADGE = 1;
export const SOUND = 2;
export const PUSH = 4;
export const MAIL = 8;

/** How long somebody must have been away for a mail, in milliseconds. */
const MAIL_AFTER = 15 * 60_000;

/** What is to be known of a message. */
export interface Told {
  seq: number;
  userId: string;
  text: string;
  deletedAt?: string;
  mentions?: Mentions;
  replyTo?: { userId: string };
}

export interface RoomSettings {
  level?: Level;
  mutedUntil?: string;
}

/** Where somebody's attention is. */
export interface Attention {
  connected?: boolean;
  looking?: boolean;
  /** They are looking at this room. */
  inRoom?: boolean;
  /** How long they have not been connected, in milliseconds. */
  away?: number;
  /** They have said that they are not to be disturbed. */
  dnd?: boolean;
}

export interface Notification {
  message: Told;
  kind: RoomKind;
  /** Of a thread. */
  following?: boolean;
  /** Who is to be told. */
  userId: string;
  readSeq: number;
  blocked?: boolean;
  room: RoomSettings;
  all: NotifySettings;
  attention: Attention;
  /** IANA name; empty is UTC. */
  timeZone?: string;
  now: Date;
}

/** Decides how somebody is told of a message. */
export function notify(n: Notification): number {
  const { message: m, room, attention } = n;
  if (m.userId === n.userId || m.deletedAt || n.blocked || m.seq <= n.readSeq || (n.kind === 'thread' && !n.following && !addresses(m, n.userId))) return 0;
  const level = levelOf(n.kind, room, n.all);
  const muted = isMutedAt(room, n.now.getTime());
  const called = calls(m, n.userId, n.all.keywords, attention.connected === true);
  if (level === 'none' || (attention.inRoom && attention.looking) || (!called && (muted || level === 'mentions'))) return 0;
  if (muted || attention.dnd || isQuiet(n.all, n.now, n.timeZone)) return BADGE;
  if (attention.looking) return BADGE | SOUND;
  if (attention.connected) return BADGE | SOUND | PUSH;
  return BADGE | PUSH | (called && (attention.away ?? 0) >= MAIL_AFTER ? MAIL : 0);
}

function levelOf(kind: RoomKind, room: RoomSettings, all: NotifySettings): Level {
  if (room.level) return room.level;
  if (kind === 'direct' || kind === 'group' || kind === 'thread') return 'all';
  return all.level || 'mentions';
}

function isMutedAt(room: RoomSettings, now: number): boolean {
  return room.mutedUntil !== undefined && now < new Date(room.mutedUntil).getTime();
}

/** Whether a message is to somebody by name, or answers them. */
function addresses(m: Told, userId: string): boolean {
  return !!m.mentions?.userIds?.includes(userId) || m.replyTo?.userId === userId;
}

/** Whether a message wants somebody's attention: it addresses them, or all, or those who are here while they are, or has one of their words. */
export function calls(m: Told, userId: string, keywords: string[] = [], connected = true): boolean {
  return addresses(m, userId) || !!m.mentions?.all || (!!m.mentions?.here && connected) || (keywords.length > 0 && hasKeyword(m.text, keywords));
}

/** Whether a moment is within the hours in which somebody is not to be disturbed. */
function isQuiet(all: NotifySettings, now: Date, timeZone = 'UTC'): boolean {
  const [from, to] = [minuteOf(all.quietFrom), minuteOf(all.quietTo)];
  if (from === undefined || to === undefined || from === to) return false;
  const at = minuteIn(now, timeZone);
  return from < to ? from <= at && at < to : at >= from || at < to; // over midnight
}

function minuteOf(clock: string | undefined): number | undefined {
  const found = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(clock ?? '');
  return found ? Number(found[1]) * 60 + Number(found[2]) : undefined;
}

function minuteIn(now: Date, timeZone: string): number {
  let zone = timeZone || 'UTC';
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
  } catch {
    zone = 'UTC';
  }
  const [hour, minute] = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(now).split(':');
  return Number(hour) * 60 + Number(minute);
}

/** Finds whole words, whatever their case and accents are. */
export function hasKeyword(text: string, keywords: string[]): boolean {
  const all = ` ${words(text).map((w) => w.word).join(' ')} `;
  return keywords.some((k) => {
    const phrase = words(k).map((w) => w.word).join(' ');
    return phrase !== '' && all.includes(` ${phrase} `);
  });
}

const SPACELESS = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]$/u;

interface Word {
  word: string;
  /** Where it stands in the text. */
  from: number;
  to: number;
}

/** The words of a text in lower case and without accents; of scripts without spaces each pair of characters. */
function words(text: string): Word[] {
  const out: Word[] = [];
  let at = 0;
  let word: Word | undefined;
  let run: Word | undefined; // the last character of a script without spaces
  let alone = false;
  const end = () => {
    if (word) out.push(word);
    if (run && alone) out.push(run);
    word = run = undefined;
  };
  for (const c of text) {
    for (const plain of c.normalize('NFKD')) {
      if (/\p{Mn}/u.test(plain)) continue;
      const here = { word: plain, from: at, to: at + c.length };
      if (SPACELESS.test(plain)) {
        if (word) end();
        if (run) out.push({ word: run.word + plain, from: run.from, to: here.to });
        alone = !run;
        run = here;
      } else if (/[\p{L}\p{N}]/u.test(plain)) {
        if (run) end();
        word = word ? { word: word.word + plain.toLowerCase(), from: word.from, to: here.to } : { ...here, word: plain.toLowerCase() };
      } else end();
    }
    at += c.length;
  }
  end();
  return out;
}

/** A text in pieces, of which some are words that somebody wants to be called by. */
export function marked(text: string, keywords: string[]): { text: string; called: boolean }[] {
  const all = words(text);
  const phrases = keywords.map((k) => words(k).map((w) => w.word)).filter((p) => p.length > 0);
  const out: { text: string; called: boolean }[] = [];
  let done = 0;
  for (let i = 0; i < all.length; i++) {
    const length = Math.max(0, ...phrases.filter((p) => p.every((w, j) => all[i + j]?.word === w)).map((p) => p.length));
    const from = all[i]!.from;
    if (length === 0 || from < done) continue;
    const to = all[i + length - 1]!.to;
    if (from > done) out.push({ text: text.slice(done, from), called: false });
    out.push({ text: text.slice(from, to), called: true });
    done = to;
  }
  if (done < text.length) out.push({ text: text.slice(done), called: false });
  return out;
}

import type { Message } from '../wire';
import { calls } from './notify';
import type { Outgoing } from './outbox';

/** A message as it is drawn. */
export interface MessageRow {
  kind: 'message';
  key: string;
  userId: string;
  username: string;
  text: string;
  time: Date;
  seq?: number;
  /** What the server has of it; absent while it is on its way. */
  message?: Message;
  pending?: Outgoing;
  /** Whether name and picture are shown: not when the same person wrote the line before, shortly before. */
  head: boolean;
  /** Whether it addresses the reader, or has a word that calls them. */
  mentionsMe: boolean;
}

export interface DayRow {
  kind: 'day';
  key: string;
  date: Date;
}

/** The line above what is new. */
export interface NewRow {
  kind: 'new';
  key: 'new';
}

export type Row = MessageRow | DayRow | NewRow;

export interface Reader {
  userId: string;
  username: string;
  /** Words that call them. */
  keywords?: string[];
}

const GROUP_WINDOW = 5 * 60_000;

function dayKey(date: Date): string {
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
}

/**
 * Lays out messages and what is being sent as rows: a row for each day, one for the line of what is new (from the seq newSeq on; 0 is none),
 * and one for each message, with one person's lines together. complete says that nothing precedes the first message. Otherwise that one is left
 * out until what precedes it is here: whether it begins a day, or has its author's name, is not known, and may not change where it is seen. Rows
 * that are as they were in before are the same objects, so that they are not drawn anew.
 */
export function layout(messages: Message[], outgoing: Outgoing[], me: Reader, newSeq: number, complete: boolean, before: Row[] = []): Row[] {
  const rows: Row[] = [];
  const old = new Map(before.map((r) => [r.key, r]));
  const sent = new Set(messages.filter((m) => m.userId === me.userId && m.clientId).map((m) => m.clientId));
  const lines = [
    ...messages.map((m) => messageLine(m, me)),
    ...outgoing.filter((o) => !sent.has(o.clientId)).map((o): MessageRow => ({
      kind: 'message', key: o.clientId, userId: me.userId, username: me.username, text: o.text, time: new Date(o.createdAt), pending: o, head: true, mentionsMe: false,
    })),
  ];
  let previous: MessageRow | undefined;
  let day = '';
  let marked = newSeq === 0;
  const [first] = lines;
  if (!complete && first && !first.pending && lines.length > 1) {
    lines.shift();
    previous = first;
    day = dayKey(first.time);
    marked ||= (first.seq ?? 0) >= newSeq;
  }
  for (const line of lines) {
    let broken = false;
    if (day === '' || (!line.pending && day !== dayKey(line.time))) {
      day = dayKey(line.time);
      rows.push(same(old, { kind: 'day', key: `day ${day}`, date: line.time }));
      broken = true;
    }
    // The one above which the line stands may have been deleted, or be one's own: then it is the next. What precedes it must be here.
    if (!marked && line.seq !== undefined && line.seq >= newSeq) {
      marked = true;
      if (previous || complete) {
        rows.push(same(old, { kind: 'new', key: 'new' }));
        broken = true;
      }
    }
    const replies = line.message?.replyTo ?? line.pending?.replyTo;
    line.head = broken || !previous || previous.userId !== line.userId || !!replies || line.time.getTime() - previous.time.getTime() >= GROUP_WINDOW;
    rows.push(same(old, line));
    previous = line;
  }
  return rows;
}

function messageLine(m: Message, me: Reader): MessageRow {
  return {
    // The key outlives the change from pending to sent, so that the line is not drawn anew.
    kind: 'message', key: m.clientId && m.userId === me.userId ? m.clientId : m.id,
    userId: m.userId, username: m.username, text: m.text, time: new Date(m.timestamp), seq: m.seq, message: m, head: true,
    mentionsMe: m.userId !== me.userId && !m.deletedAt && isCalled(m, me),
  };
}

const NO_WORDS: string[] = [];
/** Looking for words takes a while: it is done once for each message. */
const called = new WeakMap<Message, { userId: string; keywords: string[]; yes: boolean }>();

function isCalled(m: Message, { userId, keywords = NO_WORDS }: Reader): boolean {
  const known = called.get(m);
  if (known && known.userId === userId && known.keywords === keywords) return known.yes;
  const yes = calls({ ...m, replyTo: undefined }, userId, keywords);
  called.set(m, { userId, keywords, yes });
  return yes;
}

/** The row as it was before, when nothing about it has changed. */
function same(old: Map<string, Row>, row: Row): Row {
  const was = old.get(row.key);
  if (!was || was.kind !== row.kind) return row;
  if (was.kind !== 'message' || row.kind !== 'message') return was;
  return was.message === row.message && was.pending === row.pending && was.head === row.head && was.mentionsMe === row.mentionsMe && was.username === row.username ? was : row;
}

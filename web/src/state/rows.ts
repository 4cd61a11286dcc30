import type { Message } from '../wire';
import type { Outgoing } from './outbox';

/** A line of the timeline as it is drawn. */
export interface Row {
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
  /** Whether the line of what is new stands above it. */
  isNew: boolean;
  /** Whether it addresses the reader. */
  mentionsMe: boolean;
}

export interface Day {
  key: string;
  date: Date;
  rows: Row[];
}

const GROUP_WINDOW = 5 * 60_000;

function dayKey(d: Date): string {
  return `${d.getFullYear()}-${d.getMonth()}-${d.getDate()}`;
}

/** Lays out messages and what is being sent: by day, with one person's lines together. */
export function layout(messages: Message[], outgoing: Outgoing[], me: { userId: string; username: string }, newSeq: number): Day[] {
  const days: Day[] = [];
  const sent = new Set(messages.filter((m) => m.userId === me.userId && m.clientId).map((m) => m.clientId));
  const lines: Omit<Row, 'head' | 'isNew'>[] = messages.map((m) => ({
    // The key outlives the change from pending to sent, so that the line is not drawn anew.
    key: m.clientId && m.userId === me.userId ? m.clientId : m.id,
    userId: m.userId, username: m.username, text: m.text, time: new Date(m.timestamp), seq: m.seq, message: m,
    mentionsMe: m.userId !== me.userId && !m.deletedAt && !!(m.mentions?.all || m.mentions?.userIds?.includes(me.userId)),
  }));
  for (const o of outgoing) {
    if (sent.has(o.clientId)) continue;
    lines.push({ key: o.clientId, userId: me.userId, username: me.username, text: o.text, time: new Date(o.createdAt), pending: o, mentionsMe: false });
  }
  let before: Row | undefined;
  for (const line of lines) {
    let day = days.at(-1);
    if (!day || (!line.pending && day.key !== dayKey(line.time))) {
      day = { key: dayKey(line.time), date: line.time, rows: [] };
      days.push(day);
      before = undefined;
    }
    // The one above which the line stands may have been deleted, or be one's own: then it is the next.
    const isNew = newSeq > 0 && line.seq !== undefined && line.seq >= newSeq && !days.some((d) => d.rows.some((r) => r.isNew));
    const together = before !== undefined && !isNew && before.userId === line.userId && !line.message?.replyTo && !line.pending?.replyTo
      && line.time.getTime() - before.time.getTime() < GROUP_WINDOW;
    const row: Row = { ...line, head: !together, isNew };
    day.rows.push(row);
    before = row;
  }
  return days;
}

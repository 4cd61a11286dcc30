/** What a link to the page leads to. */
export interface Link {
  roomId?: string;
  seq?: number;
  invitation?: string;
}

/** The part after the # of a link to a room, or to a message of it. */
export function linkTo(roomId: string, seq?: number): string {
  const q = new URLSearchParams({ room: roomId });
  if (seq !== undefined) q.set('at', String(seq));
  return `#${q}`;
}

/** What the part after the # says, or nothing. */
export function parseLink(hash: string): Link | undefined {
  const q = new URLSearchParams(hash.replace(/^#/, ''));
  const invitation = q.get('invite') ?? undefined;
  const roomId = q.get('room') ?? undefined;
  if (!invitation && !roomId) return undefined;
  const seq = Number(q.get('at'));
  return { invitation, roomId, seq: Number.isSafeInteger(seq) && seq > 0 ? seq : undefined };
}

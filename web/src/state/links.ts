/** What a link to the page leads to. */
export interface Link {
  roomId?: string;
  seq?: number;
  messageId?: string;
  invitation?: string;
}

/** The path of a link to a message. */
export function linkTo(roomId: string, messageId: string): string {
  return `/m/${encodeURIComponent(roomId)}/${encodeURIComponent(messageId)}`;
}

/** What an address of the page says, or nothing. */
export function parseLink({ pathname, hash }: { pathname: string; hash: string }): Link | undefined {
  const path = /^\/m\/([^/]+)\/([^/]+)$/.exec(pathname);
  if (path) return { roomId: decode(path[1]!), messageId: decode(path[2]!) };
  const q = new URLSearchParams(hash.replace(/^#/, ''));
  const invitation = q.get('invite') ?? undefined;
  const roomId = q.get('room') ?? undefined;
  if (!invitation && !roomId) return undefined;
  const seq = Number(q.get('at'));
  return { invitation, roomId, seq: Number.isSafeInteger(seq) && seq > 0 ? seq : undefined };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

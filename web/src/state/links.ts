/** What a link to the page leads to. */
export interface Link {
  roomId?: string;
  seq?: number;
  messageId?: string;
  invitation?: string;
  /** The token of a letter by which a new password is set. */
  reset?: string;
  /** The token of a letter that was sent to an address, to see whose it is. */
  verify?: string;
  /** The token by which a device that is signed in lets this one in. */
  device?: string;
  /** What somebody went to the OpenID provider for, or why nothing came of it. */
  oidc?: string;
  oidcError?: string;
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
  const given = (name: string) => q.get(name) || undefined;
  const seq = Number(q.get('at'));
  const link: Link = {
    invitation: given('invite'), roomId: given('room'), seq: Number.isSafeInteger(seq) && seq > 0 ? seq : undefined,
    reset: given('reset'), verify: given('verify'), device: given('device'), oidc: given('oidc'), oidcError: given('oidc-error'),
  };
  const { seq: _, ...leads } = link;
  return Object.values(leads).some((v) => v !== undefined) ? link : undefined;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

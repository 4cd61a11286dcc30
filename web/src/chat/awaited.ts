import type { Message } from '../wire';

/** How long after its coming a message may still get previews, in milliseconds: the server gives up a little before. */
const PATIENCE = 20_000;

/** The messages that came a moment ago, of whose links the pages are being asked. */
export class AwaitedPreviews {
  /** How many links of a message get a preview on this server. */
  most = 0;
  private until = new Map<string, number>();

  came(m: Message): void {
    if (this.most === 0 || !m.text.includes('://')) return;
    const now = Date.now();
    for (const [id, until] of this.until) if (until < now) this.until.delete(id);
    this.until.set(m.id, now + PATIENCE);
  }

  expects(messageId: string): boolean {
    return (this.until.get(messageId) ?? 0) > Date.now();
  }
}

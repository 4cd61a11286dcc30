import { io, type Socket } from 'socket.io-client';
import type { Answer, Payload, RequestName } from '../wire';

/** How long an answer may take, in milliseconds. */
const PATIENCE = 20_000;

/** A connection that is nobody's, beside the one of the conversation: for proving who one is before one is that. */
export class Visitor {
  private readonly socket: Socket = io({ forceNew: true, reconnection: false, transports: ['websocket', 'polling'], tryAllTransports: true });
  private readonly gone = new Promise<undefined>((done) => {
    this.socket.on('connect_error', () => done(undefined));
    this.socket.on('disconnect', () => done(undefined));
  });

  /** Asks. Without a connection it returns undefined. */
  async ask<K extends RequestName>(event: K, payload: Payload<K>): Promise<Answer<K> | undefined> {
    const asked = this.socket.timeout(PATIENCE).emitWithAck(event, payload).catch(() => undefined) as Promise<Answer<K> | undefined>;
    return Promise.race([asked, this.gone]);
  }

  close(): void {
    this.socket.disconnect();
  }
}

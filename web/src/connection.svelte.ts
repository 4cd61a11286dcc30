import { io, type Socket } from 'socket.io-client';
import { reconnectDelay } from './state/backoff';
import { recall } from './storage';
import type { ClientEvents, ServerEvents } from './wire';

export type Status = 'connecting' | 'connected' | 'reconnecting' | 'offline';

/** How long an attempt to connect may take, in milliseconds. */
const CONNECT_TIMEOUT = 8000;

/** How long after the announced moment of a restart the old connection is given up, in milliseconds. */
const RESTART_GRACE = 3000;

/** A page that was hidden for this long asks what it missed rather than trusting its connection. */
const STALE_AFTER = 60_000;

/** The socket, and the truth about it. It reconnects by itself rather than by the library, to be able to say when. */
export class Connection {
  readonly socket: Socket<ServerEvents, ClientEvents>;
  status = $state<Status>('connecting');
  /** When the next attempt is due, in milliseconds since 1970; 0 when none is. */
  retryAt = $state(0);
  /** Since when there has been no connection; 0 while there is one. */
  downSince = $state(Date.now());
  private attempt = 0;
  private hint = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private hiddenSince = 0;

  constructor(private readonly onUp: () => void, private readonly onDown: () => void) {
    this.socket = io({
      autoConnect: false,
      reconnection: false,
      // A WebSocket needs one request instead of four, and no balancer that keeps it on its node.
      transports: ['websocket', 'polling'],
      timeout: CONNECT_TIMEOUT,
      auth: (give) => give(recall('token') ? { token: recall('token') } : {}),
    });
    this.socket.on('connect', () => {
      this.attempt = 0;
      this.hint = 0;
      this.retryAt = 0;
      this.downSince = 0;
      this.status = 'connected';
      this.onUp();
    });
    this.socket.on('disconnect', () => this.lost());
    this.socket.on('connect_error', () => {
      // Where WebSockets do not get through, long-polling may; it changes over by itself where they do.
      const { opts } = this.socket.io;
      opts.transports = [...((opts.transports ?? []) as ('websocket' | 'polling')[])].reverse();
      this.lost();
    });
    this.socket.on('server-restarting', ({ retryAfter }) => {
      this.hint = retryAfter * 1000;
      // Should the end of the connection get lost on the way, its beginning does not wait for a heartbeat to be missed.
      const { engine } = this.socket.io;
      setTimeout(() => engine.close(), this.hint + RESTART_GRACE);
    });
    addEventListener('online', () => this.retryNow());
    addEventListener('offline', () => {
      if (this.status !== 'connected') this.status = 'offline';
    });
    document.addEventListener('visibilitychange', () => this.visibility());
  }

  open(): void {
    this.socket.connect();
  }

  retryNow(): void {
    if (this.status === 'connected') return;
    clearTimeout(this.timer);
    this.retryAt = 0;
    this.socket.connect();
  }

  /** Ends the connection and makes a new one, as somebody else. */
  again(): void {
    this.socket.disconnect();
    clearTimeout(this.timer);
    this.retryAt = 0;
    this.socket.connect();
  }

  private lost(): void {
    if (this.downSince === 0) {
      this.downSince = Date.now();
      this.onDown();
    }
    this.status = navigator.onLine ? 'reconnecting' : 'offline';
    const wait = this.hint > 0 ? this.hint : reconnectDelay(this.attempt++, Math.random);
    this.hint = 0;
    this.retryAt = Date.now() + wait;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.socket.connect(), wait);
  }

  private visibility(): void {
    if (document.hidden) {
      this.hiddenSince = Date.now();
      return;
    }
    const away = this.hiddenSince > 0 ? Date.now() - this.hiddenSince : 0;
    if (this.status !== 'connected') this.retryNow();
    else if (away > STALE_AFTER) this.onUp(); // a sleeping phone's connection may be a memory
  }
}

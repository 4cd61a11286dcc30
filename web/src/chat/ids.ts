/** 128 random bits. Not randomUUID: that exists only where the page came over TLS. */
export function newClientId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
}

/** The ids of attempts to do something: of the same thing the same one, so that an attempt whose answer got lost can be made again. */
export class Attempts {
  private id = '';
  private last = '';

  of(...what: string[]): string {
    const now = JSON.stringify(what);
    if (now !== this.last) [this.id, this.last] = [newClientId(), now];
    return this.id;
  }

  /** It was done: the next one is another. */
  done(): void {
    this.last = '';
  }
}

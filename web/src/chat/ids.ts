/** 128 random bits. Not randomUUID: that exists only where the page came over TLS. */
export function newClientId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
}

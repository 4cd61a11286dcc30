// An OpenID provider: whoever is sent to it is somebody at once.
import { createSign, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

const base64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export class Provider {
  static async start(person) {
    const provider = new Provider();
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    Object.assign(provider, { person, privateKey, nonces: new Map(), key: { ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256', use: 'sig' } });
    provider.server = createServer((req, res) => provider.answer(req, res)).listen(0, '127.0.0.1');
    await once(provider.server, 'listening');
    provider.url = `http://127.0.0.1:${provider.server.address().port}`;
    return provider;
  }

  answer(req, res) {
    const url = new URL(req.url, this.url);
    const json = (body) => res.setHeader('Content-Type', 'application/json').end(JSON.stringify(body));
    if (url.pathname === '/.well-known/openid-configuration') {
      return json({
        issuer: this.url, authorization_endpoint: `${this.url}/authorize`, token_endpoint: `${this.url}/token`, jwks_uri: `${this.url}/keys`,
        response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['RS256'],
      });
    }
    if (url.pathname === '/keys') return json({ keys: [this.key] });
    if (url.pathname === '/token') {
      let body = '';
      req.on('data', (d) => (body += d));
      return req.on('end', () => json({ access_token: 'x', token_type: 'Bearer', expires_in: 60, id_token: this.token(new URLSearchParams(body).get('code')) }));
    }
    const q = url.searchParams;
    const code = `code${this.nonces.size}`;
    this.nonces.set(code, q.get('nonce'));
    res.writeHead(303, { Location: `${q.get('redirect_uri')}?${new URLSearchParams({ code, state: q.get('state') })}` }).end();
  }

  token(code) {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: this.url, aud: 'parley', iat: now, exp: now + 300, auth_time: now, nonce: this.nonces.get(code), ...this.person };
    const signed = `${base64({ alg: 'RS256', kid: 'k', typ: 'JWT' })}.${base64(claims)}`;
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(this.privateKey).toString('base64url')}`;
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

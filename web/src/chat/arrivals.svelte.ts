import { t } from '../i18n/index.svelte';
import { parseLink } from '../state/links';
import type { Server } from './server.svelte';
import type { Session } from './session.svelte';

/** What a letter, another device or the OpenID provider has sent somebody here for. */
export class Arrivals {
  /** The token of a letter by which a new password is set, and of another device that lets this one in. */
  reset = $state('');
  device = $state('');
  private verify = '';

  constructor(private readonly server: Server, private readonly session: Session, private readonly tell: (text: string) => void, private readonly askToSignIn: () => void) {
    this.look();
  }

  /** Takes what the address says. A token does not stay there: the browser would remember it. */
  look(): void {
    const link = parseLink(location);
    if (!link) return;
    if (link.oidc === 'sign-in') this.session.expect();
    if (link.oidcError) this.tell(link.oidcError);
    this.reset = link.reset ?? '';
    this.device = link.device ?? '';
    this.verify = link.verify ?? '';
    if (this.reset || this.device || this.verify || link.oidc || link.oidcError) history.replaceState(history.state, '', location.pathname);
    if (this.server.joined) void this.joined();
  }

  /** Does what had to wait until it was known who one is. */
  async joined(): Promise<void> {
    const { login, role } = this.session.me;
    if (this.verify && login) {
      const token = this.verify;
      this.verify = '';
      this.tell((await this.server.attempt('email-verify', { token })) || t('email-verified'));
    } else if (this.verify) {
      this.tell(t('email-verify-sign-in'));
      this.askToSignIn();
    }
    if (this.session.invitation && role === 'guest') {
      const info = await this.server.ask('invite-info', { token: this.session.invitation });
      if (!info?.success) this.tell(info?.error ?? t('no-connection'));
      else if (!info.invitation.roomId) this.askToSignIn();
    }
  }
}

import { mount } from 'svelte';
import './styles/app.css';
import './styles/text.css';
import './styles/threads.css';
import './styles/account.css';
import './styles/extras.css';
import './styles/contrast.css';
import { chosenLanguage, setLanguage } from './i18n/index.svelte';
import App from './views/App.svelte';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');
// Another language is waited for, so that nothing is seen in the wrong one.
void setLanguage(chosenLanguage(), false).finally(() => {
  target.replaceChildren();
  mount(App, { target });
});

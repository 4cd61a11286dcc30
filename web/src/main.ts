import { mount } from 'svelte';
import './styles/app.css';
import App from './views/App.svelte';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');
mount(App, { target });

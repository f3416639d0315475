import { render } from 'preact';

import './page.css';
import { App } from './app.tsx';

const place = document.querySelector('#app');
if (place !== null) render(<App />, place);

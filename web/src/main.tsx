import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { createSession } from './session/session.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/welcome.css';
import './styles/search.css';
import './styles/room.css';
import './styles/chat.css';
import './styles/call.css';
import './styles/views.css';
import './styles/talk.css';
import './styles/message.css';
import './styles/dialog.css';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
createRoot(root).render(<App session={createSession()} />);

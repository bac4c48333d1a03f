/** `npm start`: sets up what is missing, then runs the server until it ends. */
import { prepare } from './bootstrap.js';
import { endLike, onStop, startServer } from './server.js';

await prepare({ page: true });

const server = startServer(process.env);
onStop((signal) => server.kill(signal));
// A rolling restart of the workers.
process.on('SIGUSR2', () => server.kill('SIGUSR2'));
server.once('exit', endLike);

/** `npm run build`: builds the page, whether it is stale or not. The server needs no build. */
import { prepareAndBuild } from './bootstrap.js';

await prepareAndBuild();

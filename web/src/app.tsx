import { useStore } from './store.ts';
import type { Session } from './session/session.ts';
import { Lobby } from './ui/lobby.tsx';
import { Welcome } from './ui/welcome.tsx';

export function App({ session }: { session: Session }) {
  const { identity, news, epoch } = useStore(session.store);
  if (!identity) return <Welcome session={session} news={news} />;
  // Another person in this window is another connection.
  return <Lobby key={epoch} session={session} identity={identity} news={news} />;
}

import { useEffect, useState } from 'react';
import { callApi } from '../net/api.ts';

const EVERY_MS = 20_000;

/** How many are online, when the server tells and it is worth telling. */
export function PeopleHere() {
  const [online, setOnline] = useState<number | null>(null);
  useEffect(() => {
    let shown = true;
    const ask = () =>
      callApi('GET /users/stats', undefined).then(
        (stats) => shown && setOnline(stats.onlineUsers),
        () => shown && setOnline(null),
      );
    void ask();
    const timer = setInterval(() => void ask(), EVERY_MS);
    return () => {
      shown = false;
      clearInterval(timer);
    };
  }, []);
  // "One person" may well be the reader.
  if (online === null || online < 2) return <p className="people" />;
  return <p className="people people--known">{online} people are here now</p>;
}

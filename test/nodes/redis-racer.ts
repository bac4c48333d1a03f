/** One of several processes that race for the same decisions: says ready, does what it is told, answers what it got. */
import { startWorker, type Worker } from './redis-worker.ts';

export interface Start {
  readonly race: Race;
  readonly rounds: number;
}
export type Race = keyof typeof races;
export type Outcome<R extends Race> = Awaited<ReturnType<(typeof races)[R]>>;

const me = process.argv[4]!;
const all = <T>(rounds: number, work: (round: number) => Promise<T>) =>
  Promise.all(Array.from({ length: rounds }, (_, round) => work(round)));
const limit = { max: 500, windowMs: 60_000 };
const userOf = (round: number) => `u${round % 50}`;

const races = {
  slot: (worker: Worker, rounds: number) =>
    all(rounds, (round) => worker.leases.slot('ids', `${me}.${round}`, 1_000)),
  hold: (worker: Worker, rounds: number) =>
    all(rounds, (round) => worker.leases.hold(`role ${round}`, me, 60_000)),
  hit: async (worker: Worker, rounds: number) =>
    (await all(rounds, () => worker.limiter.hit('socket', 'ann', limit))).map(({ allowed }) => allowed),
  add: async (worker: Worker, rounds: number) =>
    (await all(rounds, (round) => worker.come(userOf(round), `${round}`))).map(({ first }) => first),
  remove: async (worker: Worker, rounds: number) =>
    (await all(rounds, (round) => worker.go(userOf(round), `${round}`))).map(({ last }) => last),
  enter: async (worker: Worker, rounds: number) =>
    (await all(rounds, (round) => worker.enter(userOf(round), `${round}`))).map(({ first }) => first),
  leave: async (worker: Worker, rounds: number) =>
    (await all(rounds, (round) => worker.leave(userOf(round), `${round}`))).map((gone) => gone !== null),
  name: (worker: Worker, rounds: number) =>
    all(rounds, (round) =>
      worker.nodes.holdAny({ holder: `${me}.${round}`, state: 'redis', storage: 'mongodb' }),
    ),
  renew: async (worker: Worker, rounds: number) =>
    (await all(rounds, (round) => worker.owners.renew(`owner ${round}`))).map(({ known }) => known),
  /** Sockets come and go, in the order that each socket's queue keeps; some stay. */
  churn: async (worker: Worker, rounds: number) => {
    const stays: string[] = [];
    await all(rounds, async (round) => {
      for (let n = 0; n < 5; n++) {
        await worker.come(userOf(round), `${round}/${n}`);
        await worker.go(userOf(round), `${round}/${n}`);
      }
      if (round % 7 !== 0) return;
      await worker.come(userOf(round), `${round}/stays`);
      stays.push(userOf(round));
    });
    return stays;
  },
  /** The same with conversations, some of which stay open. */
  visit: async (worker: Worker, rounds: number) => {
    const stays: string[] = [];
    await all(rounds, async (round) => {
      const room = `${round % 3}`;
      for (let n = 0; n < 5; n++) {
        await worker.enter(userOf(round), `${round}`, room);
        await worker.leave(userOf(round), `${round}`, room);
      }
      if (round % 7 !== 0) return;
      await worker.enter(userOf(round), `${round}`, room);
      stays.push(`${room}/${userOf(round)}`);
    });
    return stays;
  },
};

if (process.send) {
  const worker = await startWorker({
    url: process.argv[2]!,
    prefix: process.argv[3]!,
    owner: me,
    answerMs: 10_000,
  });
  process.on('message', ({ race, rounds }: Start) => {
    void races[race](worker, rounds).then((outcome) => process.send!(outcome));
  });
  process.on('disconnect', () => process.exit(0));
  process.send('ready');
}

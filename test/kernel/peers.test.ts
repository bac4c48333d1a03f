import { describe, expect, it } from 'vitest';
import { createPeers, type PeerChannel } from '../../src/kernel/peers.ts';
import { fakeClock } from '../contracts/fake-clock.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const WAIT_MS = 2_000;

/** Workers whose messages reach all the others, later, as a broadcast does. */
function workers(...names: string[]) {
  const clock = fakeClock();
  const listeners: { name: string; event: string; listener: (message: never) => void }[] = [];
  const published: string[] = [];
  const channelOf = (name: string): PeerChannel => ({
    publish(event, message) {
      published.push(`${name} ${event}`);
      for (const other of listeners.filter((each) => each.name !== name && each.event === event)) {
        setImmediate(() => other.listener(structuredClone(message) as never));
      }
    },
    subscribe: (event, listener) => void listeners.push({ name, event, listener }),
  });
  const peers = names.map((name) => createPeers(channelOf(name), { clock, owner: name }));
  return { clock, published, peers };
}

describe('peers', () => {
  it('hear news, whoever tells it, once each, and only on their topic', async () => {
    const { peers } = workers('w1', 'w2', 'w3');
    const heard: string[] = [];
    for (const [i, peer] of peers.entries()) {
      peer.hear('gone', ({ id }: { id: string }) => void heard.push(`w${i + 1} ${id}`));
      peer.hear('come', () => void heard.push('wrong'));
    }
    peers[1]!.tell('gone', { id: 'bob' });
    peers[0]!.tell('unknown', {});
    await turn();
    expect(heard.sort()).toEqual(['w1 bob', 'w2 bob', 'w3 bob']);
  });

  it('ask all the others, and the one that knows answers', async () => {
    const { peers, published } = workers('w1', 'w2', 'w3');
    const [w1, w2, w3] = peers;
    w1!.handle('alive', async () => undefined);
    w2!.handle('alive', async (body) => (body === 'ann' ? true : undefined));
    w3!.handle('alive', async (body) => (body === 'bob' ? false : undefined));
    expect(await w1!.ask('alive', 'ann', WAIT_MS)).toBe(true);
    expect(await w1!.ask('alive', 'bob', WAIT_MS)).toBe(false);
    expect(published.filter((line) => line.endsWith('reply'))).toEqual(['w2 peers:reply', 'w3 peers:reply']);
  });

  it('ask themselves first, and nobody else when that is enough', async () => {
    const { peers, published } = workers('w1', 'w2');
    peers[0]!.handle('alive', async () => false);
    peers[1]!.handle('alive', async () => true);
    expect(await peers[0]!.ask('alive', 'ann', WAIT_MS)).toBe(false);
    expect(published).toEqual([]);
  });

  it('hear nothing in time: undefined, and a late answer changes nothing', async () => {
    const { peers, clock } = workers('w1', 'w2');
    const answers = Promise.withResolvers<boolean>();
    peers[1]!.handle('alive', () => answers.promise);
    const asked = peers[0]!.ask('alive', 'ann', WAIT_MS);
    let heard: unknown = 'nothing yet';
    void asked.then((answer) => (heard = answer));
    await turn();
    clock.advance(WAIT_MS - 1);
    await turn();
    expect(heard).toBe('nothing yet');
    clock.advance(1);
    expect(await asked).toBeUndefined();
    answers.resolve(true);
    await turn();
    await turn();
    expect(heard).toBeUndefined();
  });

  it('keep questions apart that are open at the same time', async () => {
    const { peers } = workers('w1', 'w2', 'w3');
    peers[2]!.handle('alive', async (body) => body === 'ann');
    const answers = await Promise.all([
      peers[0]!.ask('alive', 'ann', WAIT_MS),
      peers[1]!.ask('alive', 'bob', WAIT_MS),
      peers[0]!.ask('alive', 'cy', WAIT_MS),
    ]);
    expect(answers).toEqual([true, false, false]);
  });

  it('an answer that fails is none, there or here', async () => {
    const { peers, clock } = workers('w1', 'w2', 'w3');
    peers[0]!.handle('alive', () => Promise.reject(new Error('the primary is away')));
    peers[1]!.handle('alive', () => {
      throw new Error('at once');
    });
    const asked = peers[0]!.ask('alive', 'ann', WAIT_MS);
    await turn();
    await turn();
    peers[2]!.handle('alive', async () => true);
    clock.advance(WAIT_MS);
    expect(await asked).toBeUndefined();
    expect(await peers[0]!.ask('alive', 'ann', WAIT_MS)).toBe(true);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { remotePorts, runCalls, serve, type Call, type Wire } from '../../src/kernel/bridge.ts';
import { AppError } from '../../src/kernel/errors.ts';
import { messageChannel, type Channel } from '../contracts/bridged.ts';

interface Door {
  knock(who: string): Promise<string>;
  answerAfter(turns: number, answer: string): Promise<string>;
  refuse(error: unknown): Promise<never>;
  never(): Promise<never>;
  echo<T>(value: T): Promise<T>;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The wire, and what was sent over it. */
function noted(wire: Wire): Wire & { readonly sent: object[] } {
  const sent: object[] = [];
  return {
    ...wire,
    sent,
    send(message) {
      sent.push(message);
      wire.send(message);
    },
  };
}

describe('bridge', () => {
  let channel: Channel;
  let near: ReturnType<typeof noted>;
  let far: ReturnType<typeof noted>;
  let door: Door;
  let guards: Door;
  const knocks: string[] = [];
  const unexpected: { error: unknown; call: Call }[] = [];
  const errors: Record<string, () => unknown> = {};

  const host = {
    async knock(who: string) {
      knocks.push(who);
      return `come in, ${who}`;
    },
    async answerAfter(turns: number, answer: string) {
      for (let n = 0; n < turns; n++) await turn();
      return answer;
    },
    async refuse(name: string) {
      throw errors[name]?.();
    },
    throwAtOnce() {
      throw new Error('at once');
    },
    never: () => new Promise(() => {}),
    echo: async (value: unknown) => value,
    notAMethod: 'text',
  };

  beforeEach(() => {
    knocks.length = 0;
    unexpected.length = 0;
    channel = messageChannel();
    near = noted(channel.near);
    far = noted(channel.far);
    serve(
      far,
      runCalls({ door: host }, (error, call) => unexpected.push({ error, call })),
    );
    const port = remotePorts(near);
    door = port<Door>('door');
    guards = port<Door>('guards');
  });
  afterEach(() => channel.close());

  it('calls a port that lives elsewhere', async () => {
    expect(await door.knock('ann')).toBe('come in, ann');
  });

  it('delivers calls in the order they were made, over ticks too', async () => {
    const answers = [];
    for (let n = 0; n < 100; n++) {
      answers.push(door.knock(`${n}`));
      if (n % 7 === 0) await turn();
    }
    await Promise.all(answers);
    expect(knocks).toEqual(Array.from({ length: 100 }, (_, n) => `${n}`));
  });

  it('gives each caller its own answer, whoever is done first', async () => {
    const done: string[] = [];
    const ask = async (turns: number, name: string) => done.push(await door.answerAfter(turns, name));
    await Promise.all([ask(9, 'slow'), ask(0, 'fast'), ask(4, 'middling')]);
    expect(done).toEqual(['fast', 'middling', 'slow']);
  });

  it('keeps several callers on one wire apart, whose numbers are the same', async () => {
    const other = remotePorts(near)<Door>('door');
    const asked = [door.answerAfter(3, 'one'), other.answerAfter(0, 'two'), other.knock('ann'), door.echo(7)];
    expect(await Promise.all(asked)).toEqual(['one', 'two', 'come in, ann', 7]);
  });

  it('sends the calls of one tick as one message, and their answers too', async () => {
    await Promise.all([door.knock('ann'), door.knock('bob'), door.echo(1)]);
    expect(near.sent).toHaveLength(1);
    expect(far.sent).toHaveLength(1);
    await door.knock('cy');
    expect(near.sent).toHaveLength(2);
    expect(far.sent).toHaveLength(2);
  });

  it('carries whatever structured clone carries, as a copy', async () => {
    const value = {
      id: '1',
      at: new Date(0),
      tags: new Set(['a']),
      bytes: new Uint8Array([1]),
      none: undefined,
    };
    const answer = await door.echo(value);
    expect(answer).toEqual(value);
    expect(answer).not.toBe(value);
  });

  describe('errors', () => {
    it('of the known kind arrive with code, message and fields', async () => {
      errors['taken'] = () => new AppError('CONFLICT', 'The name is taken.', { username: 'is taken' });
      const error = await door.refuse('taken').catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(AppError);
      expect(error).toMatchObject({
        code: 'CONFLICT',
        message: 'The name is taken.',
        fields: { username: 'is taken' },
      });
      errors['gone'] = () => new AppError('NOT_FOUND', 'Gone.');
      await expect(door.refuse('gone')).rejects.toMatchObject({ code: 'NOT_FOUND', fields: undefined });
      expect(unexpected).toEqual([]);
    });

    it('of any other kind become INTERNAL, told in full to the host only', async () => {
      errors['leak'] = () =>
        Object.assign(new Error('hunter2'), { fields: { secret: 'hunter2' }, code: 'EACCES' });
      errors['text'] = () => 'hunter2';
      errors['nothing'] = () => undefined;
      for (const name of ['leak', 'text', 'nothing']) {
        await expect(door.refuse(name)).rejects.toMatchObject({ code: 'INTERNAL', fields: undefined });
      }
      expect(JSON.stringify(far.sent)).not.toContain('hunter2');
      expect(unexpected.map(({ error }) => String(error))).toEqual([
        'Error: hunter2',
        'hunter2',
        'undefined',
      ]);
      expect(unexpected[0]?.call.slice(1, 3)).toEqual(['door', 'refuse']);
    });

    it('that a method throws at once are no different', async () => {
      const careless = door as unknown as { throwAtOnce(): Promise<void> };
      await expect(careless.throwAtOnce()).rejects.toMatchObject({ code: 'INTERNAL' });
      expect(await door.knock('ann')).toBe('come in, ann');
    });

    it('say which port or method is not there', async () => {
      await expect(guards.knock('ann')).rejects.toMatchObject({ code: 'INTERNAL' });
      const wishful = door as unknown as { open(): Promise<void>; notAMethod(): Promise<void> };
      await expect(wishful.open()).rejects.toMatchObject({ code: 'INTERNAL' });
      await expect(wishful.notAMethod()).rejects.toMatchObject({ code: 'INTERNAL' });
      expect(unexpected.map(({ error }) => (error as Error).message)).toEqual([
        'no port method guards.knock',
        'no port method door.open',
        'no port method door.notAMethod',
      ]);
    });

    it('of arguments that cannot be cloned fail their own call only', async () => {
      const calls = [door.knock('ann'), door.echo(() => 'a function'), door.knock('bob')];
      const [ann, broken, bob] = await Promise.allSettled(calls);
      expect(ann).toMatchObject({ value: 'come in, ann' });
      expect(broken).toMatchObject({ status: 'rejected', reason: { name: 'DataCloneError' } });
      expect(bob).toMatchObject({ value: 'come in, bob' });
      expect(knocks).toEqual(['ann', 'bob']);
    });
  });

  it('leaves foreign messages alone, on both sides', async () => {
    const foreign: unknown[] = [
      null,
      undefined,
      'calls',
      7,
      [],
      {},
      { bridge: 'weather' },
      { control: 'drain' },
      { type: 'axm:monitor' },
    ];
    for (const message of foreign) {
      channel.near.send(message as object);
      channel.far.send(message as object);
    }
    channel.far.send({ bridge: 'replies', caller: 'nobody', replies: [[999, 'to a call nobody made']] });
    expect(await door.knock('ann')).toBe('come in, ann');
    expect(far.sent).toHaveLength(1);
  });

  describe('after the other side is gone', () => {
    const restarting = { code: 'UNAVAILABLE', message: expect.stringContaining('Try again') as string };

    it('open calls fail as UNAVAILABLE, and so do later ones', async () => {
      const open = [door.never(), door.never()].map((call) => call.catch((error: unknown) => error));
      await turn();
      const sentBefore = near.sent.length;
      channel.close();
      for (const call of open) expect(await call).toMatchObject(restarting);
      await expect(door.knock('ann')).rejects.toMatchObject(restarting);
      await turn();
      expect(near.sent).toHaveLength(sentBefore);
    });

    it('so does a call that has not been sent yet', async () => {
      const closed = new Promise<void>((resolve) => channel.near.onClose(resolve));
      channel.close();
      const call = door.knock('ann').catch((error: unknown) => error);
      await closed;
      expect(await call).toMatchObject(restarting);
    });
  });

  it('is no promise: a port that is awaited, printed or compared calls nothing', async () => {
    expect(await Promise.resolve(door)).toBe(door);
    expect(JSON.stringify({ door })).toBe('{"door":{}}');
    expect(`${Object.prototype.toString.call(door)}`).toBe('[object Object]');
    expect(door.knock).toBe(door.knock);
    await turn();
    expect(near.sent).toEqual([]);
  });
});

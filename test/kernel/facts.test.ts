import { describe, expect, it } from 'vitest';
import { createAudience } from '../../src/kernel/audience.ts';
import { createFacts } from '../../src/kernel/facts.ts';
import { roomOf } from '../../src/kernel/rooms.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('facts', () => {
  const world = () => createFacts<{ 'it.rained': { mm: number }; 'it.snowed': { cm: number } }>();

  it('reach all who listen, and only those', async () => {
    const facts = world();
    const heard: string[] = [];
    facts.on('it.rained', ({ mm }) => void heard.push(`ann: ${mm}`));
    facts.on('it.rained', ({ mm }) => void heard.push(`bob: ${mm}`));
    facts.on('it.snowed', () => void heard.push('snow'));
    await facts.announce('it.rained', { mm: 3 });
    expect(heard).toEqual(['ann: 3', 'bob: 3']);
  });

  it('may interest nobody', async () => {
    await expect(world().announce('it.snowed', { cm: 1 })).resolves.toBeUndefined();
  });

  it('are announced when every listener is done', async () => {
    const facts = world();
    let wet = false;
    facts.on('it.rained', async () => {
      await turn();
      wet = true;
    });
    await facts.announce('it.rained', { mm: 3 });
    expect(wet).toBe(true);
  });

  it('that one listener cannot bear still reach the others; then the first rejection comes out', async () => {
    const facts = world();
    const heard: string[] = [];
    facts.on('it.rained', () => {
      throw new Error('no umbrella');
    });
    facts.on('it.rained', async () => {
      await turn();
      heard.push('bob');
      throw new Error('nor here');
    });
    await expect(facts.announce('it.rained', { mm: 3 })).rejects.toThrow('no umbrella');
    expect(heard).toEqual(['bob']);
  });
});

describe('audience', () => {
  it('is the union of what all features say, each room once', async () => {
    const audience = createAudience();
    expect(await audience.of('ann')).toEqual([]);
    const [seat, chat] = [roomOf('seat', '1'), roomOf('chat', '2')];
    audience.add(async (userId) => (userId === 'ann' ? [seat] : []));
    audience.add(async () => {
      await turn();
      return [chat, seat];
    });
    expect(await audience.of('ann')).toEqual([seat, chat]);
    expect(await audience.of('bob')).toEqual([chat, seat]);
  });

  it('is unknown when one feature cannot say', async () => {
    const audience = createAudience();
    audience.add(async () => []);
    audience.add(() => Promise.reject(new Error('away')));
    await expect(audience.of('ann')).rejects.toThrow('away');
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLifecycle } from '../../src/kernel/lifecycle.ts';
import { silentLogger } from '../../src/kernel/logger.ts';

describe('lifecycle', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  function life() {
    const warnings: string[] = [];
    const stopped: string[] = [];
    const lifecycle = createLifecycle({ ...silentLogger, warn: (_, text) => void warnings.push(text) });
    /** Takes `ms` to stop. */
    const part = (name: string, ms = 0) =>
      lifecycle.onStop(name, async () => {
        if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
        stopped.push(name);
      });
    return { lifecycle, part, stopped, warnings };
  }

  it('stops in reverse order, each when the one before is done', async () => {
    const { lifecycle, part, stopped } = life();
    part('storage');
    part('server', 300);
    part('sweeper', 500);
    const end = lifecycle.stop(1_000);
    await vi.advanceTimersByTimeAsync(500);
    expect(stopped).toEqual(['sweeper']);
    await vi.advanceTimersByTimeAsync(300);
    await end;
    expect(stopped).toEqual(['sweeper', 'server', 'storage']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not let one that throws or rejects keep the others running', async () => {
    const { lifecycle, part, stopped, warnings } = life();
    part('storage');
    lifecycle.onStop('server', () => {
      throw new Error('at once');
    });
    lifecycle.onStop('sweeper', () => Promise.reject(new Error('later')));
    await lifecycle.stop(1_000);
    expect(stopped).toEqual(['storage']);
    expect(warnings).toEqual(['stopping sweeper failed', 'stopping server failed']);
  });

  it('gives all of them one deadline; those behind one that hangs get a moment each', async () => {
    const { lifecycle, part, stopped, warnings } = life();
    part('storage');
    part('slow', 60);
    lifecycle.onStop('hanging', () => new Promise(() => {}));
    let ended = false;
    const end = lifecycle.stop(1_000).then(() => (ended = true));
    await vi.advanceTimersByTimeAsync(999);
    expect(warnings).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(warnings).toEqual(['stopping hanging failed']);
    await vi.advanceTimersByTimeAsync(50);
    expect(warnings).toEqual(['stopping hanging failed', 'stopping slow failed']);
    expect(stopped).toEqual(['storage']);
    await end;
    expect(ended).toBe(true);
  });

  it('stops once, however often it is told', async () => {
    const { lifecycle, part, stopped } = life();
    part('storage', 100);
    expect(lifecycle.stopping).toBe(false);
    const ends = [lifecycle.stop(1_000), lifecycle.stop(0)];
    expect(lifecycle.stopping).toBe(true);
    await vi.advanceTimersByTimeAsync(100);
    await Promise.all(ends);
    await lifecycle.stop(1_000);
    expect(stopped).toEqual(['storage']);
  });
});

import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { backoffMs, createSupervisor } from '../../src/cluster/supervisor.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { fakeClock } from '../contracts/fake-clock.ts';

const DEADLINE_MS = 10_000;
const HEALTHY_MS = 10_000;
const turn = () => new Promise((resolve) => setImmediate(resolve));

class FakeWorker extends EventEmitter {
  readonly id: number;
  readonly process: { kill(signal: string): void };
  alive = true;

  constructor(id: number, note: (what: string) => void) {
    super();
    this.id = id;
    this.process = {
      kill: (signal) => {
        note(`${signal} ${id}`);
        this.exit(null, signal);
      },
    };
  }

  exit(code: number | null = 0, signal: string | null = null) {
    this.alive = false;
    this.emit('exit', code, signal);
  }
}

/** `reluctant` workers do not leave when they are asked to. */
function crew(count: number, { reluctant = false } = {}) {
  const clock = fakeClock();
  const events: string[] = [];
  const workers: FakeWorker[] = [];
  const supervisor = createSupervisor({
    workers: count,
    clock,
    logger: silentLogger,
    fork() {
      const worker = new FakeWorker(workers.length + 1, (what) => events.push(what));
      workers.push(worker);
      events.push(`fork ${worker.id}`);
      return worker as unknown as Worker;
    },
    drain({ id }, deadlineMs) {
      events.push(`drain ${id}`);
      expect(deadlineMs).toBe(DEADLINE_MS);
      if (!reluctant) setImmediate(() => workers[id - 1]!.alive && workers[id - 1]!.exit());
    },
    onHopeless: () => events.push('hopeless'),
  });
  const ready = (id: number) => {
    events.push(`ready ${id}`);
    supervisor.ready(workers[id - 1] as unknown as Worker);
  };

  return {
    ...{ clock, supervisor, workers, ready },
    /** What has happened since the last time. */
    happened: () => events.splice(0),
    living: () => workers.filter(({ alive }) => alive).map(({ id }) => id),
    die: (id: number) => workers[id - 1]!.exit(1),
    async start() {
      supervisor.start();
      for (const { id } of [...workers]) ready(id);
      await supervisor.allReady;
      events.length = 0;
    },
    /** Lets timers and promises do what is due. */
    async pass(ms = 0) {
      clock.advance(ms);
      for (let n = 0; n < 5; n++) await turn();
    },
  };
}

describe('backoff', () => {
  it('forgives one accident, then doubles up to ten seconds', () => {
    expect([0, 1, 2, 3, 4, 5, 8, 9, 10, 50].map(backoffMs)).toEqual([
      0, 0, 100, 200, 400, 800, 6_400, 10_000, 10_000, 10_000,
    ]);
  });
});

describe('supervisor', () => {
  it('starts so many workers and says when all are ready at the same time', async () => {
    const { supervisor, ready, living, die, pass } = crew(3);
    let all = false;
    void supervisor.allReady.then(() => (all = true));
    supervisor.start();
    expect(living()).toEqual([1, 2, 3]);
    ready(1);
    ready(2);
    die(1);
    ready(3);
    await pass();
    expect(all).toBe(false);
    expect(living()).toEqual([2, 3, 4]);
    ready(4);
    await pass();
    expect(all).toBe(true);
  });

  it('replaces a worker that lived long at once, whatever happened before', async () => {
    const { start, die, pass, happened } = crew(2);
    await start();
    for (let id = 2; id < 6; id++) {
      await pass(HEALTHY_MS);
      die(id);
      await pass();
      expect(happened()).toEqual([`fork ${id + 1}`]);
    }
  });

  it('waits longer and longer for one that keeps dying young', async () => {
    const { start, die, pass, happened } = crew(1);
    await start();
    const waits = [0, 100, 200, 400, 800];
    for (const [n, waitMs] of waits.entries()) {
      die(n + 1);
      if (waitMs > 0) {
        await pass(waitMs - 1);
        expect(happened()).toEqual([]);
      }
      await pass(waitMs > 0 ? 1 : 0);
      expect(happened()).toEqual([`fork ${n + 2}`]);
    }
    await pass(HEALTHY_MS);
    die(waits.length + 1);
    await pass();
    expect(happened()).toEqual([`fork ${waits.length + 2}`]);
  });

  it('gives up, once, when none was ever ready', async () => {
    const { supervisor, die, pass, happened } = crew(4);
    supervisor.start();
    happened();
    die(1);
    die(2);
    die(3);
    die(4);
    await pass(HEALTHY_MS);
    expect(happened()).toEqual(['hopeless']);
  });

  it('does not give up once a worker was ready', async () => {
    const { start, die, pass, happened } = crew(1);
    await start();
    for (let id = 1; id <= 8; id++) {
      die(id);
      await pass(HEALTHY_MS - 1);
    }
    expect(happened()).not.toContain('hopeless');
  });

  it('outlives a channel that breaks', async () => {
    const { start, workers, living } = crew(1);
    await start();
    workers[0]!.emit('error', new Error('EPIPE'));
    expect(living()).toEqual([1]);
  });

  describe('a roll', () => {
    it('replaces one after the other, each only when its successor is ready', async () => {
      const { start, supervisor, ready, pass, happened, living } = crew(2);
      await start();
      let rolled = false;
      void supervisor.roll(DEADLINE_MS).then(() => (rolled = true));
      await pass();
      expect(happened()).toEqual(['fork 3']);
      ready(3);
      await pass();
      expect(happened()).toEqual(['ready 3', 'drain 1', 'fork 4']);
      ready(4);
      await pass();
      expect(happened()).toEqual(['ready 4', 'drain 2']);
      expect(living()).toEqual([3, 4]);
      expect(rolled).toBe(true);
    });

    it('that is asked for twice is one', async () => {
      const { start, supervisor, ready, pass, living } = crew(1);
      await start();
      const rolls = [supervisor.roll(DEADLINE_MS), supervisor.roll(DEADLINE_MS)];
      await pass();
      ready(2);
      await Promise.all(rolls);
      expect(living()).toEqual([2]);
      void supervisor.roll(DEADLINE_MS);
      await pass();
      expect(living()).toEqual([2, 3]);
    });

    it('kills who does not leave in time', async () => {
      const { start, supervisor, ready, pass, happened } = crew(1, { reluctant: true });
      await start();
      const roll = supervisor.roll(DEADLINE_MS);
      await pass();
      ready(2);
      await pass();
      await pass(DEADLINE_MS - 1);
      expect(happened()).toEqual(['fork 2', 'ready 2', 'drain 1']);
      await pass(1);
      await roll;
      expect(happened()).toEqual(['SIGKILL 1']);
    });

    it('keeps the old ones when the new one does not start, and no more than those', async () => {
      const { start, supervisor, die, pass, living, happened } = crew(2);
      await start();
      const roll = supervisor.roll(DEADLINE_MS);
      await pass();
      die(3);
      await roll;
      await pass(HEALTHY_MS);
      expect(living()).toEqual([1, 2]);
      expect(happened()).toEqual(['fork 3']);
    });

    it('ends with as many as before when one dies on the way', async () => {
      for (const victim of [1, 2]) {
        const { start, supervisor, ready, die, pass, living } = crew(2);
        await start();
        const roll = supervisor.roll(DEADLINE_MS);
        await pass();
        die(victim);
        await pass(HEALTHY_MS);
        for (let id = 3; id < 8 && living().length > 0; id++) {
          if (living().includes(id)) ready(id);
          await pass(HEALTHY_MS);
        }
        await roll;
        await pass(HEALTHY_MS);
        expect(living()).toHaveLength(2);
      }
    });

    it('leaves out who died meanwhile and is replaced already', async () => {
      const { start, supervisor, workers, ready, die, pass, living } = crew(2, { reluctant: true });
      await start();
      const roll = supervisor.roll(DEADLINE_MS);
      await pass();
      ready(3);
      await pass();
      die(2);
      await pass();
      expect(living()).toEqual([1, 3, 4]);
      workers[0]!.exit();
      await pass();
      expect(living()).toEqual([3, 4]);
      ready(4);
      await roll;
      await pass(HEALTHY_MS);
      expect(living()).toEqual([3, 4]);
    });

    it('ends with as many as before when one was to be replaced later', async () => {
      const { start, supervisor, ready, die, pass, living } = crew(2);
      await start();
      die(2);
      await pass();
      die(3);
      expect(living()).toEqual([1]);
      const roll = supervisor.roll(DEADLINE_MS);
      await pass(100);
      ready(4);
      await roll;
      await pass(HEALTHY_MS);
      expect(living()).toHaveLength(2);
    });
  });

  describe('a stop', () => {
    it('asks all to leave and ends with the last one', async () => {
      const { start, supervisor, pass, happened, living } = crew(3);
      await start();
      await supervisor.stop(DEADLINE_MS);
      expect(happened()).toEqual(['drain 1', 'drain 2', 'drain 3']);
      await pass(HEALTHY_MS);
      expect(living()).toEqual([]);
    });

    it('kills who is there after the deadline, and only then', async () => {
      const { start, supervisor, workers, pass, happened } = crew(2, { reluctant: true });
      await start();
      let stopped = false;
      void supervisor.stop(DEADLINE_MS).then(() => (stopped = true));
      workers[0]!.exit();
      await pass(DEADLINE_MS - 1);
      expect(happened()).toEqual(['drain 1', 'drain 2']);
      expect(stopped).toBe(false);
      await pass(1);
      expect(happened()).toEqual(['SIGKILL 2']);
      expect(stopped).toBe(true);
    });

    it('forks nobody any more, not even those who were to follow', async () => {
      const { start, supervisor, die, pass, living } = crew(2);
      await start();
      die(1);
      die(2);
      await pass();
      die(3);
      await supervisor.stop(DEADLINE_MS);
      await pass(HEALTHY_MS);
      expect(living()).toEqual([]);
    });

    it('ends a roll', async () => {
      const { start, supervisor, pass, living } = crew(2);
      await start();
      const roll = supervisor.roll(DEADLINE_MS);
      await pass();
      await supervisor.stop(DEADLINE_MS);
      await roll;
      await pass(HEALTHY_MS);
      expect(living()).toEqual([]);
    });
  });
});

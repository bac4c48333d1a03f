import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const module = fileURLToPath(new URL('../../src/cluster/signals.ts', import.meta.url));

/** A process that says what it is told, and goes on: stopping takes its time. */
const program = (withChannel: boolean) => `
  import { onStopSignals } from ${JSON.stringify(module)};
  onStopSignals({
    stop: () => console.log('stop'),
    exitNow: () => process.exit(7),
    withChannel: ${withChannel},
  });
  setInterval(() => {}, 1_000);
  process.on('SIGUSR1', () => console.log('still here'));
  process.on('disconnect', () => console.log('alone'));
  console.log('ready');
`;

describe('stop signals', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  async function start({ withChannel = false } = {}) {
    const child = fork('-', { execArgv: ['--input-type=module', '-e', program(withChannel)], silent: true });
    children.push(child);
    let output = '';
    let all = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      all += text;
    });
    const heard = async (word: string) => {
      while (!output.includes(word)) await once(child.stdout!, 'data');
      output = output.slice(output.indexOf(word) + word.length);
    };
    await heard('ready');
    return { child, heard, exited: once(child, 'exit'), output: () => all };
  }

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'the first %s stops in order, the second exits at once',
    async (signal) => {
      const { child, heard, exited } = await start();
      child.kill(signal);
      await heard('stop');
      child.kill('SIGUSR1');
      await heard('still here');
      child.kill(signal === 'SIGTERM' ? 'SIGINT' : 'SIGTERM');
      expect(await exited).toEqual([7, null]);
    },
  );

  it('the end of the starting script counts as the first', async () => {
    const { child, heard, exited } = await start({ withChannel: true });
    child.disconnect();
    await heard('stop');
    child.kill('SIGTERM');
    expect(await exited).toEqual([7, null]);
  });

  it('and changes nothing once a signal has come', async () => {
    const { child, heard, exited } = await start({ withChannel: true });
    child.kill('SIGINT');
    await heard('stop');
    child.disconnect();
    await heard('alone');
    child.kill('SIGUSR1');
    await heard('still here');
    child.kill('SIGTERM');
    expect(await exited).toEqual([7, null]);
  });

  it('without the script its channel means nothing', async () => {
    const { child, heard, output } = await start();
    child.disconnect();
    await heard('alone');
    child.kill('SIGUSR1');
    await heard('still here');
    expect(output()).not.toContain('stop');
  });
});

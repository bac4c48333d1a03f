import { z } from 'zod';
import { Email, Password, Username } from '../features/accounts/contract.ts';
import { createOperator, type OperatorNeeds } from '../features/accounts/operator.ts';
import { createPasswords } from '../features/accounts/passwords.ts';
import { asAppError } from '../kernel/errors.ts';
import { parse } from '../kernel/parse.ts';
import { listenForCommands } from './socket.ts';

/** What can be asked of a running server through its admin socket, or of its storage while none runs. */
export const Command = z.discriminatedUnion('command', [
  z.object({ command: z.literal('create'), email: Email, username: Username, password: Password }),
  z.object({ command: z.literal('confirm'), email: Email }),
  z.object({ command: z.literal('reset-password'), email: Email, password: Password }),
]);
export type Command = z.infer<typeof Command>;

/** `text` is one line for the operator. */
export type Outcome = { readonly ok: boolean; readonly text: string };

export type CommandNeeds = Omit<OperatorNeeds, 'passwords'> & {
  /** Told of errors that the operator only sees as "something went wrong". */
  readonly onUnexpected: (error: unknown) => void;
};

const sessionCount = (n: number) => (n === 1 ? 'One session was ended.' : `${n} sessions were ended.`);

/** Runs commands, whatever they turn out to be; never rejects. */
export function commandRunner({
  onUnexpected,
  ...needs
}: CommandNeeds): (command: unknown) => Promise<Outcome> {
  const operator = createOperator({ ...needs, passwords: createPasswords() });

  async function run(command: Command): Promise<string> {
    switch (command.command) {
      case 'create':
        await operator.create(command);
        return `${command.username} (${command.email}) was created and is confirmed.`;
      case 'confirm':
        await operator.confirm(command);
        return `${command.email} is confirmed.`;
      case 'reset-password':
        return `The password of ${command.email} was changed. ${sessionCount(await operator.resetPassword(command))}`;
    }
  }

  return async (input) => {
    try {
      return { ok: true, text: await run(parse(Command, input)) };
    } catch (error) {
      const known = asAppError(error);
      if (known.code === 'INTERNAL') onUnexpected(error);
      const fields = Object.entries(known.fields ?? {}).map(([field, problem]) => `${field} ${problem}`);
      return { ok: false, text: known.code === 'CONFLICT' ? `${fields.join(', ')}.` : known.message };
    }
  };
}

/**
 * For the primary: answers `npm run admin` on `admin.sock` in the data directory. The returned function stops that, once
 * commands that run are answered.
 * @throws when another living process answers there, or the path is too long for a socket
 */
export function serveAdmin(
  options: { readonly dataDir: string } & CommandNeeds,
): Promise<() => Promise<void>> {
  return listenForCommands(options.dataDir, commandRunner(options));
}

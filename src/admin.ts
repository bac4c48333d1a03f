/** `npm run admin -- create | confirm | reset-password`: through the running server, or on its storage while none runs. */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { Config } from '../config/config.ts';
import { loadConfig, readEnvironment } from '../config/load.ts';
import { Command, commandRunner, type Outcome } from './admin/commands.ts';
import { choosePassword } from './admin/password.ts';
import { askServer } from './admin/socket.ts';
import { openHostStorage } from './backends.ts';
import { systemClock as clock } from './kernel/clock.ts';
import { AppError } from './kernel/errors.ts';
import { createIds, PRIMARY_SLOT } from './kernel/ids.ts';
import { silentLogger } from './kernel/logger.ts';
import { parse } from './kernel/parse.ts';

const USAGE = `Usage: npm run admin -- <command> <options>

  create --email <address> --username <name> [--password-stdin]
      Makes an account and confirms it.
  confirm --email <address>
      Confirms that an account belongs to whose address it has.
  reset-password --email <address> [--password-stdin]
      Sets a new password and ends all sessions of the account.

A confirmed account is an administrator while its address is listed in ADMIN_EMAILS.
The password is asked for on a terminal, read from the input with --password-stdin, and made by chance
otherwise. The commands work while the server runs and while it does not.`;

class UsageError extends Error {}

interface Wish {
  readonly command: string;
  readonly email?: string;
  readonly username?: string;
  readonly passwordFromInput: boolean;
}

function wishFrom(args: string[]): Wish {
  try {
    const { positionals, values } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        email: { type: 'string' },
        username: { type: 'string' },
        'password-stdin': { type: 'boolean', default: false },
      },
    });
    const [command = '', ...rest] = positionals;
    if (rest.length > 0) throw new Error(`what is "${rest[0]}"?`);
    if (!['create', 'confirm', 'reset-password'].includes(command)) {
      throw new Error(command === '' ? 'a command is missing' : `there is no command "${command}"`);
    }
    const { 'password-stdin': passwordFromInput, ...named } = values;
    if (named.email === undefined) throw new Error('--email is missing');
    if (command === 'create' && named.username === undefined) throw new Error('--username is missing');
    return { command, passwordFromInput, ...named };
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

/** Asks for the password last, once everything else is known to be right. */
async function commandFor({ command, email, username, passwordFromInput }: Wish) {
  const wanted = { command, email, ...(command === 'create' && { username }) };
  if (command === 'confirm') return { command: checked(wanted), made: undefined };
  checked({ ...wanted, password: 'Password123' });
  const terminal = { input: process.stdin, output: process.stderr };
  const { password, generated } = await choosePassword(terminal, passwordFromInput);
  return { command: checked({ ...wanted, password }), made: generated ? password : undefined };
}

function checked(input: object): Command {
  try {
    return parse(Command, input);
  } catch (error) {
    throw error instanceof AppError ? new UsageError(error.message) : error;
  }
}

/** While no server runs, this process is the one that owns the storage. */
async function runHere(config: Config, command: Command): Promise<Outcome> {
  const host = await openHostStorage(config, silentLogger, randomUUID()).catch((error: Error) => {
    throw new Error(`${error.message}\nIf a server is just starting or stopping here, try again.`);
  });
  try {
    const run = commandRunner({
      ...host.stores,
      ids: createIds(clock, PRIMARY_SLOT),
      clock,
      // Without a server there are no sockets.
      onRevoked() {},
      onUnexpected: (error) => console.error(error),
    });
    return await run(command);
  } finally {
    await host.close();
  }
}

async function main(): Promise<number> {
  const { command, made } = await commandFor(wishFrom(process.argv.slice(2)));
  const config = loadConfig(readEnvironment());
  const { ok, text } =
    ((await askServer(config.dataDir, command)) as Outcome | null) ?? (await runHere(config, command));
  if (!ok) {
    console.error(text);
    return 1;
  }
  console.log(text);
  if (made !== undefined) console.log(`Its password, shown this once: ${made}`);
  const isListed = config.admin.emails.includes(command.email.toLowerCase());
  if (command.command !== 'reset-password' && !isListed) {
    console.log(`It becomes an administrator when ${command.email} is listed in ADMIN_EMAILS.`);
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

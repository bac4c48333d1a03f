import { execFile, spawn } from 'node:child_process';
import { constants } from 'node:os';

const MOST_OUTPUT_BYTES = 16 * 1024 * 1024;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a program to its end with this process' output, and passes signals on to it. When one came, this process
 * ends with the program: what would follow was not wanted any more.
 *
 * @returns {Promise<number>} its exit code; 128 + the signal's number when a signal ended it; 127 when it could not start
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    let received;
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    const listeners = SIGNALS.map((signal) => {
      const listener = () => {
        received = signal;
        child.kill(signal);
      };
      process.on(signal, listener);
      return () => process.off(signal, listener);
    });
    const end = (code) => {
      for (const remove of listeners) remove();
      if (received) process.exit(codeOf(received));
      resolve(code);
    };
    child.once('error', (error) => {
      console.error(`${command}: ${error.message}`);
      end(127);
    });
    child.once('exit', (code, signal) => end(code ?? codeOf(signal)));
  });
}

/** Runs a program to its end and keeps what it says. */
export function captured(command, args) {
  return new Promise((resolve) => {
    execFile(command, args, { maxBuffer: MOST_OUTPUT_BYTES }, (error, stdout, stderr) => {
      resolve({ code: error ? 1 : 0, output: (stdout + stderr).trim() });
    });
  });
}

function codeOf(signal) {
  return 128 + constants.signals[signal];
}

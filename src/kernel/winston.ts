import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import winston from 'winston';
import type { LogCategory, Logger } from './logger.ts';

/** A's markers, shown in development. */
const markers: Record<LogCategory, string> = {
  auth: '🔐',
  connection: '🔗',
  message: '📨',
  room: '👥',
  stats: '📊',
  error: '❌',
  success: '✅',
};

export interface LoggerOptions {
  readonly level: string;
  /** `combined.log` and `error.log` are appended to here, by every process. */
  readonly directory: string;
  readonly production: boolean;
  /** `n1.2`: which process speaks. */
  readonly process: string;
}

const { combine, timestamp, json, printf } = winston.format;

/** Errors in details become text, with their stack. */
const withErrors = winston.format((info) => {
  if (info['error'] instanceof Error) info['error'] = info['error'].stack ?? info['error'].message;
  return info;
});

const readable = printf(({ timestamp: at, level, message, category, process: speaker, error, ...rest }) => {
  const marker = level === 'error' ? markers.error : markers[category as LogCategory];
  const details = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : '';
  const stack = error === undefined ? '' : `\n${String(error)}`;
  return `${String(at).slice(11, 19)} ${marker} ${String(speaker)} ${String(message)}${details}${stack}`;
});

function writableDirectory(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Readable on the console in development, JSON in production; files are always JSON. */
export function createLogger(options: LoggerOptions): Logger & { close(): Promise<void> } {
  const lines = combine(withErrors(), timestamp(), json());
  const files = writableDirectory(options.directory);
  const root = winston.createLogger({
    level: options.level,
    defaultMeta: { process: options.process },
    transports: [
      new winston.transports.Console({
        format: options.production ? lines : combine(withErrors(), timestamp(), readable),
      }),
      ...(files
        ? [
            new winston.transports.File({ filename: join(options.directory, 'combined.log'), format: lines }),
            new winston.transports.File({
              filename: join(options.directory, 'error.log'),
              level: 'error',
              format: lines,
            }),
          ]
        : []),
    ],
  });
  const at =
    (level: string): Logger['info'] =>
    (category, text, details) =>
      void root.log(level, text, { category, ...details });
  const logger = { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
  if (!files)
    logger.warn('error', `LOG_DIR ${options.directory} cannot be written: logging to the console only`);
  return {
    ...logger,
    close: () =>
      new Promise((resolve) => {
        root.once('finish', resolve);
        root.end();
      }),
  };
}

/** Log categories of A's document; in development each has its marker. */
export type LogCategory = 'auth' | 'connection' | 'message' | 'room' | 'stats' | 'error' | 'success';

/** Never give it a token, a password or a message text. `error` values are printed with their stack. */
export interface Logger {
  error(category: LogCategory, text: string, details?: Record<string, unknown>): void;
  warn(category: LogCategory, text: string, details?: Record<string, unknown>): void;
  info(category: LogCategory, text: string, details?: Record<string, unknown>): void;
  debug(category: LogCategory, text: string, details?: Record<string, unknown>): void;
}

export const silentLogger: Logger = { error() {}, warn() {}, info() {}, debug() {} };

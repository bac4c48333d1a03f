import type { z } from 'zod';
import { AppError, type ErrorCode } from './errors.ts';

/** @throws BAD_INPUT with a field for each problem, or the code a schema names in its issue's params (TOO_LARGE) */
export function parse<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const fields: Record<string, string> = {};
  let code: ErrorCode = 'BAD_INPUT';
  for (const issue of result.error.issues) {
    const path = fieldName(issue.path);
    fields[path] ??= issue.message;
    if (issue.code === 'custom' && issue.params?.['code'] === 'TOO_LARGE') code = 'TOO_LARGE';
  }
  const problems = Object.entries(fields).map(([field, problem]) => `${field}: ${problem}`);
  throw new AppError(code, problems.join('; '), fields);
}

/** An event's arguments are a tuple: the position in front of a field's name says nothing to a client. */
function fieldName(path: readonly PropertyKey[]): string {
  const named = typeof path[0] === 'number' ? path.slice(1) : path;
  return named.map(String).join('.') || 'input';
}

/**
 * Structured clone, which carries what clients send from process to process, is recursive: the reader of a message nested 1 700
 * deep runs out of stack outside of any try/catch, and that reader is the primary.
 */
const MAX_DEPTH = 64;

/**
 * True when the value holds more than `limit` UTF-16 units of text and names, or items, or is nested deeper than anything that
 * somebody writes. Stops counting there.
 */
export function isLarger(value: unknown, limit: number): boolean {
  let size = 0;
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    const below: unknown[] = [];
    for (const item of level) {
      size += 1;
      if (typeof item === 'string') size += item.length;
      else if (ArrayBuffer.isView(item)) size += item.byteLength;
      else if (Array.isArray(item)) {
        if (size + item.length > limit) return true;
        for (const member of item) below.push(member);
      } else if (item !== null && typeof item === 'object') {
        for (const [name, member] of Object.entries(item)) {
          size += name.length;
          below.push(member);
        }
      }
      if (size > limit) return true;
    }
    level = below;
  }
  return false;
}

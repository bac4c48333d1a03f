import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AppError } from '../../src/kernel/errors.ts';
import { isLarger, parse } from '../../src/kernel/parse.ts';
import { boundedText } from '../../src/kernel/schemas.ts';

describe('parse', () => {
  const failure = (schema: z.ZodType, input: unknown): AppError => {
    try {
      parse(schema, input);
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
    throw new Error('it was accepted');
  };

  const Form = z.object({
    name: z.string().min(2, 'too short'),
    age: z.coerce.number(),
    tags: z.array(z.string()).optional(),
  });

  it('answers what the schema makes of the input, and nothing that is not in it', () => {
    expect(parse(Form, { name: 'ann', age: '7', admin: true })).toEqual({ name: 'ann', age: 7 });
  });

  it('names each field and its first problem', () => {
    const error = failure(Form, { name: 'a', age: 'x', tags: ['ok', 7] });
    expect(error.code).toBe('BAD_INPUT');
    expect(Object.keys(error.fields ?? {})).toEqual(['name', 'age', 'tags.1']);
    expect(error.fields?.['name']).toBe('too short');
    expect(error.message).toContain('name: too short');
  });

  it('calls what has no field the input', () => {
    expect(failure(Form, 'text').fields).toHaveProperty('input');
    expect(failure(z.tuple([z.string()]), [7]).fields).toHaveProperty('input');
  });

  it('leaves out the position of an event’s argument', () => {
    expect(Object.keys(failure(z.tuple([z.string(), Form]), ['x', { name: 'ann' }]).fields ?? {})).toEqual([
      'age',
    ]);
  });

  it('answers the code that the schema names', () => {
    const error = failure(z.object({ text: boundedText(3), other: z.string() }), { text: 'four', other: 7 });
    expect(error.code).toBe('TOO_LARGE');
    expect(error.fields?.['text']).toBe('must have at most 3 characters');
  });
});

describe('size of arguments', () => {
  it('counts text, names and items', () => {
    expect(isLarger('abc', 4)).toBe(false);
    expect(isLarger('abc', 3)).toBe(true);
    // The object, the name "ab", the value and its text.
    expect(isLarger({ ab: 'c' }, 5)).toBe(false);
    expect(isLarger({ ab: 'c' }, 4)).toBe(true);
    expect(isLarger([1, null, true, undefined], 5)).toBe(false);
    expect(isLarger([1, null, true, undefined], 4)).toBe(true);
  });

  it('counts bytes', () => {
    expect(isLarger(Buffer.alloc(10), 11)).toBe(false);
    expect(isLarger(Buffer.alloc(10), 10)).toBe(true);
    expect(isLarger({ deep: [new Uint8Array(1000)] }, 1000)).toBe(true);
  });

  it('adds up what is spread over many members', () => {
    expect(isLarger(Array(100).fill('12345'), 600)).toBe(true);
    expect(isLarger(Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`name ${n}`, 1])), 600)).toBe(
      true,
    );
  });

  it('takes nothing for a number of items that it cannot walk', () => {
    expect(isLarger(Array(900_000).fill(0), 1_000_000)).toBe(false);
    expect(isLarger(Array(900_000).fill(0), 10_000)).toBe(true);
  });

  it('refuses what is nested so deep that a process which clones it would break', () => {
    const nested = (depth: number, wrap: (inner: unknown) => unknown) => {
      let value: unknown = 1;
      for (let n = 0; n < depth; n++) value = wrap(value);
      return value;
    };
    for (const wrap of [(inner: unknown) => [inner], (inner: unknown) => ({ a: inner })]) {
      expect(isLarger(nested(60, wrap), 1_000_000)).toBe(false);
      expect(isLarger(nested(70, wrap), 1_000_000)).toBe(true);
      expect(isLarger(nested(100_000, wrap), 1_000_000)).toBe(true);
    }
  });
});

/** The closed table of error codes: the same for HTTP and acknowledgements. `retryable`: the same request may succeed later. */
export const errorTable = {
  BAD_INPUT: { status: 400, retryable: false },
  UNAUTHENTICATED: { status: 401, retryable: false },
  FORBIDDEN: { status: 403, retryable: false },
  NOT_FOUND: { status: 404, retryable: false },
  CONFLICT: { status: 409, retryable: false },
  NOT_MATCHED: { status: 409, retryable: false },
  TOO_LARGE: { status: 413, retryable: false },
  UNSUPPORTED_MEDIA: { status: 415, retryable: false },
  RATE_LIMITED: { status: 429, retryable: true },
  INTERNAL: { status: 500, retryable: false },
  UNAVAILABLE: { status: 503, retryable: true },
} as const;

export type ErrorCode = keyof typeof errorTable;

/** The only error whose message reaches a client. Anything else that is thrown becomes INTERNAL and is logged. */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** Field name → what is wrong with it. */
  readonly fields: Readonly<Record<string, string>> | undefined;

  constructor(code: ErrorCode, message: string, fields?: Record<string, string>) {
    super(message);
    this.name = 'AppError';
    this.code = code;
    this.fields = fields;
  }
}

export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('INTERNAL', 'Something went wrong on the server.');
}

/** Body of every failure, HTTP and acknowledgement alike (CONTRACT 7). */
export function failureOf(error: AppError) {
  const { code, message, fields } = error;
  return {
    success: false as const,
    message,
    error: { code, message, retryable: errorTable[code].retryable, ...(fields && { fields }) },
  };
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; the text when it is none. */
  readonly body: never;
}

/** One JSON request, as a front end makes it. */
export async function http(
  url: string,
  method: string,
  path: string,
  { body, token, headers }: { body?: unknown; token?: string; headers?: Record<string, string> } = {},
): Promise<HttpAnswer> {
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  let parsed: unknown = text;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Not JSON: the text itself is what a test looks at.
  }
  return { status: response.status, headers: response.headers, body: parsed as never };
}

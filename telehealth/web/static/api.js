// JSON over fetch, with problem documents (RFC 9457) as errors.

export class Refused extends Error {
  /** status is 0 when the server was not reached. */
  constructor(status, problem = {}) {
    super(problem.title || "unreachable");
    this.status = status;
    this.problem = problem;
  }
}

/**
 * Throws Refused.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body] sent as JSON
 * @param {Record<string, string>} [headers]
 * @returns {Promise<{body: any, etag: string | null}>}
 */
export async function call(method, path, body, headers = {}) {
  /** @type {RequestInit & {headers: Record<string, string>}} */
  const options = { method, headers: { Accept: "application/json", ...headers }, cache: "no-store" };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused(0);
  }
  const json = /\bjson\b/.test(response.headers.get("Content-Type") || "");
  const answer = json ? await response.json().catch(() => ({})) : {};
  if (!response.ok) throw new Refused(response.status, answer);
  return { body: answer, etag: response.headers.get("ETag") };
}

/**
 * The same page as the server draws it now; null when it could not be had.
 * @param {() => void} onSignedOut
 * @returns {Promise<any>} a Document, of which the reader knows what is in it
 */
export async function reread(onSignedOut) {
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (response.redirected || response.status === 401) return void onSignedOut();
    if (!response.ok) return null;
    return new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return null;
  }
}

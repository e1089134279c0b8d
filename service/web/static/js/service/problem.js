// What went wrong, as the service says it (RFC 9457).

export class Problem extends Error {
  constructor({ type = "", title, detail, status = 0, request_id: id = "" }) {
    super(detail);
    Object.assign(this, { name: "Problem", type, title, status, id });
  }
}

export const LOST = { title: "No answer", detail: "The connection to the service was lost." };

// The problem in the text of an answer, or what is known without.
export function problemIn(text, status) {
  try {
    return new Problem(JSON.parse(text));
  } catch {
    return new Problem(status === 200 || !status ? LOST : { title: `Error ${status}`, detail: "The service gave no reason." });
  }
}

// Any error as it is shown and kept: { title, detail, id }.
export function told(error) {
  if (error instanceof Problem) return { title: error.title, detail: error.message, id: error.id };
  return { title: "Something went wrong", detail: error.message, id: "" };
}

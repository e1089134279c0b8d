// The service's interface: one upload, its progress, and the lines of the answer as they come.

export class Problem extends Error {
  constructor({ title, detail, request_id: id }) {
    super(detail);
    this.title = title;
    this.id = id;
  }
}

const LOST = { title: "No answer", detail: "The connection to the service was lost." };

// XMLHttpRequest and not fetch: only it tells how far an upload is.
export function classify(file, { onUpload, onUploaded, onClip }) {
  const request = new XMLHttpRequest();
  const form = new FormData();
  form.append("file", file);
  const done = new Promise((resolve, reject) => {
    let read = 0;
    let result = null;
    const take = () => {
      if (request.status !== 200) return;
      const end = request.responseText.lastIndexOf("\n") + 1;
      for (const line of request.responseText.slice(read, end).split("\n").filter(Boolean)) {
        const event = JSON.parse(line);
        if (event.event === "clip") onClip(event);
        else if (event.event === "result") result = event;
        else reject(new Problem(event));
      }
      read = end;
    };
    request.upload.onprogress = (event) => event.lengthComputable && onUpload(event.loaded / event.total);
    request.upload.onload = onUploaded;
    request.onprogress = take;
    request.onload = () => {
      take();
      if (result) resolve(result);
      else reject(new Problem(problemIn(request)));
    };
    request.onerror = () => reject(new Problem(LOST));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
  });
  request.open("POST", "classify?top_k=5");
  request.setRequestHeader("Accept", "application/x-ndjson");
  request.send(form);
  return { done, cancel: () => request.abort() };
}

function problemIn(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return request.status === 200 ? LOST : { title: `Error ${request.status}`, detail: request.statusText };
  }
}

export async function health() {
  const answer = await fetch("health");
  return answer.json();
}

// The page of the suite in an output of a notebook.
//
// The browser may be on another machine than the kernel, so that it cannot reach the widget's server.
// The page is put into an empty frame, and all that it asks for, its own files included, goes through
// the kernel: `sam_common/notebook/channel.py` answers.

const QUIET_MS = 3000;
const BUSY = "The kernel does not answer yet. It may be running a cell: the page goes on when that has " +
  "ended. If the kernel was restarted, run the cell of this output again.";
const ENDED = "The server of this output has ended. Run the cell that made it again.";
// as the page itself is served: nothing is loaded from, or sent to, anywhere
const POLICY = "default-src 'none'; script-src blob: 'wasm-unsafe-eval'; style-src blob: 'unsafe-inline'; " +
  "img-src blob: data:; font-src data:; connect-src blob: data:; worker-src blob:; base-uri 'none'; form-action 'none'";
const EMPTY = `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">`;
const TYPES = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
let views = 0;

/** Requests of one view, each with a number of its own, and their answers. */
class Channel {
  constructor(model, isQuiet) {
    this.model = model;
    this.isQuiet = isQuiet;
    // several views of a widget hear each other's answers, also those in other windows
    views += 1;
    this.view = `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}-${views}`;
    this.count = 0;
    this.waiting = new Map();
    this.heard = (message, buffers) => this.hear(message, buffers ?? []);
    model.on("msg:custom", this.heard);
  }

  /** Send a request; as `fetch`, with classes of the window that gets the answer. */
  send(target, path, { method = "GET", body, signal } = {}) {
    this.count += 1;
    const ask = `${this.view}-${this.count}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.isQuiet(true), QUIET_MS);
      this.waiting.set(ask, { target, resolve, reject, timer, stream: null });
      signal?.addEventListener("abort", () => {
        this.taken(ask);
        this.waiting.delete(ask);
        reject(new DOMException("Not wanted any more.", "AbortError"));
      });
      this.model.send({ ask, method, path, body: body ?? null });
    });
  }

  /** The kernel has read a request: it is not waited for any more. */
  taken(ask) {
    const known = this.waiting.get(ask);
    if (!known) return;
    clearTimeout(known.timer);
    this.isQuiet(false);
  }

  hear({ ask, status, headers, more, lost }, buffers) {
    this.taken(ask);
    const known = this.waiting.get(ask);
    if (!known) return;
    if (lost) {
      this.waiting.delete(ask);
      const error = new Error(ENDED);
      if (known.stream) known.stream.error(error);
      else known.reject(error);
      return;
    }
    if (status !== undefined) {
      const { Response, ReadableStream } = known.target;
      const content = new ReadableStream({ start: (stream) => { known.stream = stream; } });
      known.resolve(new Response(content, { status, headers }));
    }
    for (const part of buffers) known.stream.enqueue(bytesOf(part));
    if (more === false) {
      known.stream.close();
      this.waiting.delete(ask);
    }
  }

  close() {
    this.model.off("msg:custom", this.heard);
    for (const { timer } of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
  }
}

/** Hosts of notebooks give buffers as views or as plain buffers. */
const bytesOf = (part) => ArrayBuffer.isView(part)
  ? new Uint8Array(part.buffer, part.byteOffset, part.byteLength) : new Uint8Array(part);

/** Files of the page for one window, each fetched once and given an address of that window. */
class Files {
  constructor(channel, target) {
    this.channel = channel;
    this.target = target;
    this.known = new Map();
  }

  async text(path) {
    const answer = await this.channel.send(this.target, path);
    if (!answer.ok) throw new Error(`${path} cannot be loaded (${answer.status}).`);
    return answer.text();
  }

  /** The address of a file, with those of the modules that it imports put into it. */
  address(path) {
    if (!this.known.has(path)) this.known.set(path, this.load(path));
    return this.known.get(path);
  }

  async load(path) {
    let text = await this.text(path);
    const names = path.endsWith(".js") ? new Set([...text.matchAll(/"\.\/([\w-]+\.js)"/g)].map((found) => found[1])) : [];
    for (const name of names) {
      text = text.replaceAll(`"./${name}"`, `"${await this.address(path.replace(/[^/]*$/, name))}"`);
    }
    const blob = new this.target.Blob([text], { type: TYPES[path.split(".").pop()] });
    return this.target.URL.createObjectURL(blob);
  }
}

/** Storage as a tab has it, for as long as the view lives. */
class Memory {
  constructor(known) { this.known = new Map(known); }
  getItem(name) { return this.known.get(name) ?? null; }
  setItem(name, value) { this.known.set(name, String(value)); }
  removeItem(name) { this.known.delete(name); }
}

/** Put the page into an empty frame. */
async function build(frame, channel, memory) {
  const target = frame.contentWindow;
  const { document: inside } = target;
  const files = new Files(channel, target);
  target.pageHost = {
    send: (path, options) => channel.send(target, path, options),
    address: (path) => files.address(path),
    memory,
    reload: () => { frame.srcdoc = EMPTY; },
    lost: ENDED,
  };
  const [text, style] = await Promise.all([files.text("/"), files.text("/page/style.css")]);
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const each of page.querySelectorAll("script, link")) each.remove();
  for (const image of page.querySelectorAll("img")) image.src = await files.address(image.getAttribute("src"));
  inside.documentElement.lang = page.documentElement.lang;
  const looks = inside.createElement("style");
  looks.textContent = style;
  inside.head.append(...page.head.childNodes, looks);
  inside.body.replaceChildren(...page.body.childNodes);
  const script = inside.createElement("script");
  script.type = "module";
  script.src = await files.address("/page/app.js");
  inside.head.append(script);
}

function render({ model, el }) {
  const notice = document.createElement("p");
  notice.setAttribute("role", "status");
  notice.hidden = true;
  const tell = (text) => {
    notice.textContent = text;
    notice.hidden = !text;
  };
  const frame = document.createElement("iframe");
  frame.title = model.get("title");
  frame.className = "sam-geomed";
  frame.style.cssText = `display: block; box-sizing: border-box; width: 100%; height: ${model.get("height")}px; border: 1px solid #8886;`;
  frame.allowFullscreen = true;
  const channel = new Channel(model, (isQuiet) => tell(isQuiet ? BUSY : ""));
  const memory = new Memory([["session", model.get("session")]]);
  // a host that takes the output out of its page and puts it back empties the frame
  frame.addEventListener("load", () => build(frame, channel, memory).catch((error) => tell(error.message)));
  frame.srcdoc = EMPTY;
  el.append(frame, notice);
  return () => channel.close();
}

export default { render };

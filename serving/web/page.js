// A form for the rows that a model reads, and the answers of the same file that the scorer loads.
// `runtime` (runtime.js) and `model` (model.js) hold everything; nothing is fetched.
"use strict";

const form = document.querySelector("form");
const answers = document.querySelector("#answers");
const state = document.querySelector("#state");

async function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function session() {
  const code = new Blob([await unpacked(runtime.code)], { type: "text/javascript" });
  const ort = await import(URL.createObjectURL(code));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = (await unpacked(runtime.wasm)).buffer;
  const file = await unpacked(model.file);
  await checkSha256(file);
  const options = { executionProviders: ["wasm"], logSeverityLevel: 3 };
  return [ort, await ort.InferenceSession.create(file, options)];
}

async function checkSha256(file) {
  if (!globalThis.crypto?.subtle) return; // only where the page is not from a trusted origin
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
  const said = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (said !== model.sha256) throw new Error("the model's SHA-256 is not the one that was exported");
}

// The rules of pipeline.casting, for text that a person types.
const NUMBER = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/;
const SMALLEST_NUMBER = 2 ** -126;

function number(field, text) {
  const said = text.trim();
  if (said === "" || /^[+-]?nan$/i.test(said)) {
    if (field.required) throw new Error(`${field.column} must be given`);
    return NaN;
  }
  const value = NUMBER.test(said) ? Math.fround(Number(said)) : NaN;
  if (!Number.isFinite(value)) throw new Error(`${field.column} must be a number`);
  if (field.nonnegative && value < 0) throw new Error(`${field.column} must not be negative`);
  return Math.abs(value) < SMALLEST_NUMBER ? 0 : value;
}

function list(field, text) {
  const values = jsonList(text) ?? (text === "" ? [] : text.split(field.separator));
  const last = values.slice(-field.length);
  return [...Array(field.length - last.length).fill(""), ...last];
}

function jsonList(text) {
  if (!text.startsWith("[")) return null;
  try {
    const values = JSON.parse(text);
    if (values.some((value) => value !== null && typeof value === "object")) return null;
    return values.map((value) => (typeof value === "string" ? value : value === null ? "" : JSON.stringify(value)));
  } catch {
    return null;
  }
}

function feeds(ort, row) {
  const tensors = {};
  for (const field of model.fields) {
    const text = row[field.column] ?? "";
    const name = field.name || field.column;
    if (field.kind === "list") tensors[name] = new ort.Tensor("string", list(field, text), [1, field.length]);
    else if (field.kind === "text") tensors[name] = new ort.Tensor("string", [text], [1]);
    else tensors[name] = new ort.Tensor("float32", [number(field, text)], [1]);
  }
  return tensors;
}

function element(tag, text, ...children) {
  const made = document.createElement(tag);
  if (text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

function hint(field) {
  if (field.kind === "number") return field.required ? "a number" : "a number, or nothing";
  if (field.kind === "text") return "one value";
  const between = field.separator === " " ? "a space" : `"${field.separator}"`;
  return `values with ${between} between, the last ${field.length} count`;
}

function buildForm() {
  const columns = new Map(model.fields.map((field) => [field.column, field]));
  for (const [column, field] of columns) {
    const input = document.createElement("input");
    input.name = column;
    input.spellcheck = false;
    input.autocapitalize = "off";
    const suggested = model.suggestions[column] ?? [];
    if (suggested.length && field.kind === "text") {
      const options = element("datalist", null, ...suggested.map((value) => Object.assign(element("option", null), { value })));
      options.id = `values-${form.children.length}`;
      input.setAttribute("list", options.id);
      form.append(options);
    }
    if (suggested.length) input.placeholder = suggested.slice(0, 3).join(field.separator);
    form.append(element("label", null, element("span", column), input, element("small", hint(field))));
  }
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function bar(share) {
  const meter = document.createElement("meter");
  meter.value = share;
  return meter;
}

function shown(head, results) {
  const [first, second] = head.outputs.map((output) => Array.from(results[output].data));
  const title = element("h2", head.name);
  if (head.entries === null) {
    const value = first[0];
    const text = head.kind === "binary" ? percent(value) : value.toPrecision(4);
    const line = element("p", null, element("strong", text));
    if (head.kind === "binary") line.append(bar(value));
    return element("article", null, title, line);
  }
  const lines = first.map((label, at) =>
    element("li", null, element("bdi", label), bar(second[at]), element("span", percent(second[at]))));
  return element("article", null, title, element("ol", null, ...lines));
}

async function start() {
  document.querySelector("h1").textContent = document.title = model.name;
  document.querySelector("#file").textContent = `model.onnx, SHA-256 ${model.sha256}`;
  buildForm();
  const [ort, loaded] = await session();
  let turn = Promise.resolve();
  let asked = 0;
  async function answer(question) {
    if (question < asked) return; // another letter has been typed since
    const row = Object.fromEntries(new FormData(form));
    try {
      const results = await loaded.run(feeds(ort, row));
      answers.replaceChildren(...model.heads.map((head) => shown(head, results)));
      state.textContent = "type, and the answers follow";
      state.classList.remove("wrong");
    } catch (error) {
      state.textContent = error.message;
      state.classList.add("wrong");
    }
    document.body.dataset.answered = Number(document.body.dataset.answered ?? 0) + 1;
  }
  const ask = () => {
    const question = ++asked;
    turn = turn.then(() => answer(question));
    return turn;
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ask);
  await ask();
}

start().catch((error) => {
  state.textContent = `the model could not be loaded: ${error.message}`;
  state.classList.add("wrong");
  document.body.dataset.answered = "never";
});

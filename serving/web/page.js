// A form for the rows that a model reads, and the answers of the same file that the scorer loads.
// `runtime` (runtime.js), `model` (model.js) and the kinds (kinds.js) hold everything; nothing is
// fetched.
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

// What kinds.js knows of a kind: columnKinds and headKinds are made of the files in kinds/.
function of(kinds, kind) {
  if (!Object.hasOwn(kinds, kind)) throw new Error(`the page knows no kind ${kind}`);
  return kinds[kind];
}

function missingNumber(field) {
  if (field.required) throw new Error(`${field.column} must be given`);
  return ["float32", [NaN], [1]];
}

function feeds(ort, row) {
  const cell = (column) => row[column] ?? "";
  const fed = (field) => of(columnKinds, field.kind).tensor(field, withoutWords(field, cell(field.column)), row);
  return Object.fromEntries(model.fields.map((field) => [field.name || field.column, new ort.Tensor(...fed(field))]));
}

function element(tag, text, ...children) {
  const made = document.createElement(tag);
  if (text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

function buildForm() {
  const columns = new Map(model.fields.map((field) => [field.column, field]));
  for (const [column, field] of columns) {
    const kind = of(columnKinds, field.kind);
    const input = document.createElement(kind.hasLines ? "textarea" : "input");
    input.name = column;
    input.spellcheck = false;
    input.autocapitalize = "off";
    const suggested = model.suggestions[column] ?? [];
    if (suggested.length && kind.suggests) {
      const options = element("datalist", null, ...suggested.map((value) => Object.assign(element("option", null), { value })));
      options.id = `values-${form.children.length}`;
      input.setAttribute("list", options.id);
      form.append(options);
    }
    const weight = field.weighted_by ? `${field.weighted_by}1` : "";
    if (suggested.length) input.placeholder = suggested.slice(0, 3).map((value) => value + weight).join(field.separator);
    form.append(element("label", null, element("span", column), input, element("small", kind.hint(field))));
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
  const outputs = head.outputs.map((output) => Array.from(results[output].data));
  return element("article", null, element("h2", head.name), of(headKinds, head.kind)(outputs, head));
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

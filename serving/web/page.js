// A form for the rows that a model reads, and the answers of the same file that the scorer loads.
// `runtime` (runtime.js), `model` (model.js) and the kinds (kinds.js) hold everything; nothing is
// fetched.
"use strict";

const form = document.querySelector("form");
const answers = document.querySelector("#answers");
const explains = document.querySelector("#explains");
const state = document.querySelector("#state");

async function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function loadRuntime() {
  const code = new Blob([await unpacked(runtime.code)], { type: "text/javascript" });
  const ort = await import(URL.createObjectURL(code));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = (await unpacked(runtime.wasm)).buffer;
  return ort;
}

// The file, ready to run with values for the `given` of those inputs that have a default.
async function session(ort, given) {
  const file = await unpacked(model.file);
  await checkSha256(file);
  const options = { executionProviders: ["wasm"], logSeverityLevel: 3 };
  return ort.InferenceSession.create(given.length ? withoutDefaults(file, given) : file, options);
}

async function checkSha256(file) {
  if (!globalThis.crypto?.subtle) return; // only where the page is not from a trusted origin
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
  const said = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (said !== model.sha256) throw new Error("the model's SHA-256 is not the one that was exported");
}

// The fields of a message in protobuf's wire format: number, where it begins, its content, where it ends.
function* fieldsOf(bytes, from, to) {
  let at = from;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < to) {
    const begin = at;
    const key = varint();
    const wire = key % 8;
    const length = wire === 2 ? varint() : 0;
    const start = at;
    if (wire === 0) varint();
    else at += wire === 2 ? length : wire === 1 ? 8 : 4;
    yield { number: Math.floor(key / 8), begin, start, end: at };
  }
}

// The runtime for browsers takes no value for an input that has a default (an initializer of its name).
function withoutDefaults(file, inputs) {
  const [GRAPH, INITIALIZER, NAME] = [7, 5, 8];
  const text = ({ start, end }) => new TextDecoder().decode(file.subarray(start, end));
  const isDefault = ({ number, start, end }) => number === INITIALIZER &&
    [...fieldsOf(file, start, end)].some((field) => field.number === NAME && inputs.includes(text(field)));
  const graph = [...fieldsOf(file, 0, file.length)].find(({ number }) => number === GRAPH);
  const kept = [...fieldsOf(file, graph.start, graph.end)].filter((field) => !isDefault(field));
  const size = kept.reduce((sum, { begin, end }) => sum + end - begin, 0);
  const head = [GRAPH * 8 + 2];
  for (let rest = size; ; rest = Math.floor(rest / 128)) {
    head.push(rest % 128 + (rest < 128 ? 0 : 128));
    if (rest < 128) break;
  }
  const made = new Uint8Array(graph.begin + head.length + size + file.length - graph.end);
  let at = 0;
  const add = (bytes) => { made.set(bytes, at); at += bytes.length; };
  add(file.subarray(0, graph.begin));
  add(head);
  for (const { begin, end } of kept) add(file.subarray(begin, end));
  add(file.subarray(graph.end));
  return made;
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

// Columns `without` are taken as missing, those too that must be given.
function feeds(ort, row, without = []) {
  const left = without.length ? { ...row, ...Object.fromEntries(without.map((column) => [column, ""])) } : row;
  const cell = (column) => left[column] ?? "";
  const asked = (field) => (without.includes(field.column) ? { ...field, required: false } : field);
  const fed = (field) => of(columnKinds, field.kind).tensor(asked(field), withoutWords(field, cell(field.column)), left);
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

// Below the columns: for each head with labels, which of these may come back.
function buildLimits() {
  for (const head of model.heads.filter(({ entries }) => entries !== null)) {
    const lists = [["exclude", "none of these"], ["only", "only these"]].map(([limit, said]) => {
      const input = Object.assign(document.createElement("textarea"), { spellcheck: false });
      input.dataset.limit = `${head.name}.${limit}`;
      return element("label", null, element("span", said), input, element("small", "labels, one a line"));
    });
    form.append(element("details", null, element("summary", `which labels of ${head.name} may come back`), ...lists));
  }
}

// The tensors of the lists that hold a label.
function limits(ort) {
  const typed = [...form.querySelectorAll("[data-limit]")].map((input) =>
    [input.dataset.limit, input.value.split("\n").filter((line) => line !== "")]);
  const given = typed.filter(([, labels]) => labels.length);
  return Object.fromEntries(given.map(([name, labels]) => [name, new ort.Tensor("string", labels, [1, labels.length])]));
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

function logOdds(probability) {
  return Math.log(probability) - Math.log1p(-Math.min(probability, 1 - 2 ** -24));
}

// How much a head leans to its answer: in log odds, or a number as it is. A label that is not among
// those that come back has no more than the last of them.
function leaning(head, results, answer) {
  const [values, scores] = head.outputs.map((output) => Array.from(results[output].data));
  if (head.entries !== null) {
    const at = values.indexOf(answer);
    return { value: logOdds(scores.at(at)), isMost: at < 0 };
  }
  return { value: head.in_log_odds ? logOdds(values[0]) : values[head.middle], isMost: false };
}

function hasAnswer(head, results) {
  return head.entries === null || results[head.outputs[1]].data[0] > 0;
}

// What each input changes: the answer of the whole row, less what it is without the input.
function reasons(head, whole, others) {
  const answer = Array.from(whole[head.outputs[0]].data)[0];
  const full = leaning(head, whole, answer).value;
  const found = others.map(([name, results]) => {
    const without = leaning(head, results, answer);
    return { name, share: full - without.value, isLeast: without.isMost };
  });
  return found.sort((one, other) => Math.abs(other.share) - Math.abs(one.share));
}

function why(head, whole, others) {
  const found = reasons(head, whole, others);
  const most = Math.max(...found.map((one) => Math.abs(one.share)), 1e-9);
  const items = found.map(({ name, share, isLeast }) => {
    const meter = bar(Math.abs(share) / most);
    meter.className = share < 0 ? "against" : "for";
    const text = `${isLeast ? "≥\u00a0" : ""}${share < 0 ? "-" : "+"}${Math.abs(share).toPrecision(3)}`;
    return element("li", null, element("bdi", name), meter, element("span", text));
  });
  const unit = head.in_log_odds ? "in log odds" : "in its own unit";
  return element("div", null, element("h3", `what each adds, ${unit}`), element("ol", null, ...items));
}

async function start() {
  document.querySelector("h1").textContent = document.title = model.name;
  document.querySelector("#file").textContent = `model.onnx, SHA-256 ${model.sha256}`;
  buildForm();
  buildLimits();
  const ort = await loadRuntime();
  let loaded = await session(ort, []);
  let takes = "";
  let turn = Promise.resolve();
  let asked = 0;
  async function answer(question) {
    if (question < asked) return; // another letter has been typed since
    const row = Object.fromEntries(new FormData(form));
    try {
      const limited = limits(ort);
      const names = Object.keys(limited);
      if (takes !== names.join()) {
        await loaded?.release();
        loaded = null; // so that the next question tries again where this one ends here
        loaded = await session(ort, names);
        takes = names.join();
      }
      const results = await loaded.run({ ...feeds(ort, row), ...limited });
      const articles = model.heads.map((head) => shown(head, results));
      if (explains.checked) {
        const others = [];
        const given = model.inputs.filter(({ columns }) => columns.some((column) => row[column]));
        for (const { name, columns } of given) {
          others.push([name, await loaded.run({ ...feeds(ort, row, columns), ...limited })]);
          if (question < asked) return;
        }
        const answered = model.heads.map((head) => hasAnswer(head, results));
        articles.forEach((article, at) => answered[at] && article.append(why(model.heads[at], results, others)));
      }
      answers.replaceChildren(...articles);
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
  explains.addEventListener("change", ask);
  await ask();
}

start().catch((error) => {
  state.textContent = `the model could not be loaded: ${error.message}`;
  state.classList.add("wrong");
  document.body.dataset.answered = "never";
});

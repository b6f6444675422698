// A form for the rows that a model reads, and the answers of the same file that the scorer loads.
// `runtime` (runtime.js), `model` (model.js) and the kinds (kinds.js) hold everything; nothing is
// fetched. sure.js and known.js say how sure an answer is, and how much of the row is known; parts.js
// has the elements and words of a row.
"use strict";

const MOST_BARS = 30;

const form = document.querySelector("form");
const answers = document.querySelector("#answers");
const explains = document.querySelector("#explains");
const parted = document.querySelector("#parted");
const sureness = document.querySelector("#sureness");
const coverage = document.querySelector("#coverage");
const least = document.querySelector("#least");
const knowledge = document.querySelector("#known");
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
  return [ort, await ort.InferenceSession.create(await changed(file), options)];
}

// The file with the number of labels and the lists of labels as inputs and with further outputs
// (serving/model_file/in_browsers.py).
async function changed(file) {
  const { places, letter, behind } = model.changed;
  const more = await unpacked(behind);
  const whole = new Uint8Array(file.length + more.length);
  whole.set(file);
  whole.set(more, file.length);
  for (const place of places) whole[place] = letter;
  return whole;
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
  for (const head of model.heads) {
    const both = [[`${head.name}.exclude`, "none of these"], [`${head.name}.only`, "only these"]];
    if (!model.lists.includes(both[0][0])) continue;
    const lists = both.map(([list, said]) => {
      const input = Object.assign(document.createElement("textarea"), { spellcheck: false });
      Object.assign(input.dataset, { head: head.name, list });
      return element("label", null, element("span", said), input, element("small", "labels, one a line"));
    });
    form.append(element("details", null, element("summary", `which labels of ${head.name} may come back`), ...lists));
  }
}

// The labels in each list: [head, name of the file's input, labels].
function limits() {
  return [...form.querySelectorAll("[data-list]")].map(({ dataset, value }) =>
    [dataset.head, dataset.list, value.split("\n").filter((line) => line !== "")]);
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function bar(share) {
  const meter = document.createElement("meter");
  meter.value = share;
  return meter;
}

function outputsOf(head, results) {
  return head.outputs.map((output) => Array.from(results[output].data));
}

function shown(head, results, lowest) {
  const outputs = outputsOf(head, results);
  const best = head.entries === null ? outputs : bestOf(outputs, lowest);
  const said = best[0].length ? of(headKinds, head.kind)(best, head) : element("p", "no answer");
  return element("article", null, element("h2", head.name), said);
}

// Where no label is left that may come back, the first one is "" with a score of 0.
function hasAnswer(head, results) {
  return head.entries === null || results[head.outputs[1]].data[0] > 0;
}

// A share that was typed, above 0 and below 1; where nothing was typed, the usual one.
function share(input, usual) {
  if (input.value.trim() === "") return usual;
  const value = Number(input.value);
  if (!(value > 0 && value < 1)) throw new Error(`${input.labels[0].textContent.trim()} must be between 0 and 1`);
  return value;
}

function logOdds(probability) {
  return Math.log(probability) - Math.log1p(-Math.min(probability, 1 - 2 ** -24));
}

// How much a head leans to its answer: in log odds, or a number as it is. A label that is not among
// those that come back has no more than the last of them.
function leaning(head, results, answer) {
  const [values, scores] = outputsOf(head, results);
  if (head.entries !== null) {
    const at = values.indexOf(answer);
    return { value: logOdds(scores.at(at)), isMost: at < 0 };
  }
  return { value: head.in_log_odds ? logOdds(values[0]) : values[head.middle], isMost: false };
}

// What each input changes: the answer of the whole row, less what it is without the input.
function reasons(head, whole, others) {
  const answer = Array.from(whole[head.outputs[0]].data)[0];
  const full = leaning(head, whole, answer).value;
  const found = others.map(([name, results]) => {
    const without = leaning(head, results, answer);
    return { name, share: full - without.value, isLeast: without.isMost };
  });
  return found.sort((one, other) => Math.abs(other.share) - Math.abs(one.share)).slice(0, MOST_BARS);
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
  const [ort, loaded] = await session();
  let turn = Promise.resolve();
  let asked = 0;
  async function answer(question) {
    if (question < asked) return; // another letter has been typed since
    const row = Object.fromEntries(new FormData(form));
    const lists = limits();
    const limited = Object.fromEntries(lists.map(([, name, labels]) => [name, new ort.Tensor("string", labels, [1, labels.length])]));
    const areLimited = new Set(lists.filter(([, , labels]) => labels.length).map(([head]) => head));
    try {
      const fed = feeds(ort, row);
      const rank = (labels, given = fed) => {
        const top = new ort.Tensor("int64", [BigInt(labels)], [1]);
        return loaded.run({ ...given, ...limited, top_k: top });
      };
      const isSure = sureness.checked;
      const lowest = isSure ? share(least, -Infinity) : -Infinity;
      const asks = isSure ? share(coverage, model.coverage) : 0;
      const results = await rank(isSure ? Math.max(model.top_k, RANKED) : model.top_k);
      const articles = model.heads.map((head) => shown(head, results, lowest));
      if (isSure) {
        for (const [at, head] of model.heads.entries()) articles[at].append(await sure(head, results, asks, rank, areLimited.has(head.name)));
      }
      if (explains.checked) {
        const given = model.inputs.filter(({ columns }) => columns.some((column) => row[column]));
        const fewer = given.map(({ name, columns }) => [name, feeds(ort, row, columns)]);
        if (parted.checked) fewer.push(...elementsOf(ort, fed));
        const others = [];
        for (const [name, less] of fewer) {
          others.push([name, await rank(model.top_k, less)]);
          if (question < asked) return;
        }
        const answered = model.heads.map((head) => hasAnswer(head, results));
        articles.forEach((article, at) => answered[at] && article.append(why(model.heads[at], results, others)));
      }
      knowledge.replaceChildren(...(model.values.length ? [sayKnown(knownOf(results, fed))] : []));
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
  document.querySelector("#parts").hidden = !model.elements.length && !model.texts.length;
  for (const choice of [explains, parted, sureness]) choice.addEventListener("change", ask);
  for (const number of [coverage, least]) number.addEventListener("input", ask);
  await ask();
}

start().catch((error) => {
  state.textContent = `the model could not be loaded: ${error.message}`;
  state.classList.add("wrong");
  document.body.dataset.answered = "never";
});

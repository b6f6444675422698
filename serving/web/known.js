// How many values a row has, and which of them the model knows (serving/familiarity/familiar.py).
"use strict";

// `fed` is what the file was given.
function knownOf(results, fed) {
  const found = { values: 0, known: 0, unknown: [] };
  for (const one of model.values) {
    const { there, unknown } = one.ids ? lookedUp(one, results) : given(one, fed[one.fed].data);
    found.values += there;
    found.known += there - unknown.length;
    if (unknown.length) found.unknown.push([one.name, [...new Set(unknown)]]);
  }
  return found;
}

function lookedUp({ ids, texts, missing, unknown }, results) {
  const found = Array.from(results[ids].data, Number);
  const said = texts === null ? found : Array.from(results[texts].data);
  return {
    there: found.filter((id) => id !== missing).length,
    unknown: said.filter((_, at) => found[at] === unknown),
  };
}

// A vector is one value; of a list each element is, and all are known.
function given({ is_number, length }, data) {
  const isThere = Array.from(data, (value) => value !== "" && value !== -(2n ** 63n) && !Number.isNaN(value));
  const counted = is_number ? isThere.slice(0, 1) : isThere.slice(-length);
  return { there: counted.filter(Boolean).length, unknown: [] };
}

function sayKnown({ values, known, unknown }) {
  const said = element("p", `${known} of ${values} values known`);
  for (const [name, texts] of unknown) {
    said.append(`; unknown in ${name}: `, ...texts.map((text) => element("bdi", text)));
  }
  return said;
}

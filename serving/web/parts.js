// Elements of lists and words of texts, which an explanation takes out one by one
// (serving/explanation/parts.py and words.py). `fed` is what the file takes of the row.
"use strict";

// [name, what the file takes without it] of each.
function elementsOf(ort, fed) {
  const changed = model.elements.flatMap((one) => listElement(one, fed));
  const words = model.texts.flatMap((one) => textWords(one, fed));
  return [...changed, ...words].map(([name, columns]) => {
    const made = columns.map(([column, data]) => [column, new ort.Tensor(fed[column].type, data, fed[column].dims)]);
    return [name, { ...fed, ...Object.fromEntries(made) }];
  });
}

// What stands before the element moves up.
function listElement({ name, columns, back }, fed) {
  if (fed[columns[0]].data.at(-back) === "") return [];
  const without = ({ type, data }) => {
    const left = Array.from(data).filter((_, at) => at !== data.length - back);
    return [type === "string" ? "" : NaN, ...left];
  };
  return [[name, columns.map((column) => [column, without(fed[column])])]];
}

// Each different word that an input reads, taken out wherever it stands.
function textWords({ name, columns, separator, reads }, fed) {
  const spans = spansOf(fed[columns[0]].data[0], separator);
  const isRead = (at) => reads.some(({ words, keep }) => (keep === "first" ? at : spans.length - 1 - at) < words);
  const read = spans.filter(([, word], at) => word !== "" && isRead(at)).map(([, word]) => word);
  const without = (text, word) => {
    const goes = spans.filter(([, own]) => own === word);
    const stays = spans.filter(([, own]) => own !== word);
    const part = (start, end) => text.slice(start, end);
    if (separator !== null) return stays.map(([start, own]) => part(start, start + own.length)).join(separator);
    const ends = [0, ...goes.map(([start]) => start + word.length)];
    return ends.map((end, at) => part(end, goes[at]?.[0])).join("");
  };
  const each = (word) => columns.map((column) => [column, [without(fed[column].data[0], word)]]);
  return [...new Set(read)].map((word) => [`${name}.${word}`, each(word)]);
}

// [where it begins, the word] of all words.
function spansOf(text, separator) {
  if (separator === null) return Array.from(text.matchAll(/[^ ]+/g), (found) => [found.index, found[0]]);
  let start = 0;
  return text === "" ? [] : text.split(separator).map((word) => {
    const own = [start, word];
    start += word.length + separator.length;
    return own;
  });
}

// A text as its column is read: a word stays, of a value True is true, 8.0 is 8, and a point in time
// has one text (kinds/columns/readings.py).
function asRead(field, text) {
  if (field.reading !== "values") return text;
  if (/^-?(0|[1-9][0-9]*)\.0$/.test(text)) return text.slice(0, -2).replace(/^-0$/, "0");
  if (/^(True|TRUE|False|FALSE)$/.test(text)) return text.toLowerCase();
  const time = /^(?:([0-9]{4}-[0-9]{2}-[0-9]{2})[ T])?([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?$/.exec(text);
  if (time === null || (time[5] && !time[1])) return text;
  const [day, clock, fraction] = [time[1], `${time[2]}:${time[3] ?? "00"}`, (time[4] ?? "").replace(/0+$/, "")];
  const end = fraction && `.${fraction}`;
  if (!time[5]) return day && clock === "00:00:00" && !end ? day : `${day ? `${day} ` : ""}${clock}${end}`;
  const zone = time[5] === "Z" ? "Z" : `${time[5].slice(0, 3)}:${time[5].slice(3).replace(":", "") || "00"}`;
  const there = new Date(`${day}T${clock}Z`);
  if (Number.isNaN(there.getTime()) || there.toISOString().slice(0, 10) !== day) return text;
  const utc = new Date(`${day}T${clock}${zone}`);
  return Number.isNaN(utc.getTime()) ? text : `${utc.toISOString().slice(0, 19).replace("T", " ")}${end}Z`;
}

// A cell, empty where it is one of the words that say that there is no value (kinds/columns/missing.py).
function withoutWords(field, text) {
  const value = (said) => asRead({ reading: "values" }, said.trim());
  return field.missing_words.some((word) => value(word) === value(text)) ? "" : text;
}

// The elements of a list as Python or numpy writes it, null for any other text.
function pythonList(text) {
  const one = "'(?:[^'\\\\\\n]|\\\\['\"\\\\nrt])*'|\"(?:[^\"\\\\\\n]|\\\\['\"\\\\nrt])*\"|[+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:e[+-]?[0-9]+)?|True|False|None|nan";
  const several = `(?:${one})(?:, (?:${one}))`;
  const python = new RegExp(`^(?:\\[${several}*\\]|\\((?:(?:${one}),|${several}+)?\\)|\\{${several}*\\})$`);
  const numpy = new RegExp(`^\\[\\s*(?:${one})(?:\\s+(?:${one}))*\\s*\\]$`);
  if (!python.test(text) && !numpy.test(text)) return null;
  const letters = { n: "\n", r: "\r", t: "\t" };
  return (text.match(new RegExp(one, "g")) ?? []).map((said) => {
    if (/^['"]/.test(said)) return said.slice(1, -1).replace(/\\(.)/g, (_, letter) => letters[letter] ?? letter);
    if (said === "None" || said === "nan") return "";
    return /^[TF]/.test(said) ? said.toLowerCase() : String(Number(said));
  });
}


// Texts with a separator between them, or a list of JSON or Python; the last ones count, padded on the left.
({
  suggests: false,
  hint(field) {
    const between = field.separator === " " ? "a space" : `"${field.separator}"`;
    return `values with ${between} between, the last ${field.length} count`;
  },
  values(field, text) {
    return this.json(text) ?? (text === "" ? [] : text.split(field.separator));
  },
  tensor(field, text) {
    const last = this.values(field, text).slice(-field.length).map((value) => asRead(field, value));
    return ["string", [...Array(field.length - last.length).fill(""), ...last], [1, field.length]];
  },
  json(text) {
    if (!text.startsWith("[")) return null;
    try {
      const values = JSON.parse(text);
      if (values.some((value) => value !== null && typeof value === "object")) return null;
      return values.map((value) => (typeof value === "string" ? value : value === null ? "" : JSON.stringify(value)));
    } catch {
      return pythonList(text);
    }
  },
})

// Texts with a separator between them, or a list of JSON or Python; the last ones count, padded on the left.
({
  suggests: false,
  hint(field) {
    const between = field.separator === " " ? "a space" : `"${field.separator}"`;
    if (field.weighted_by) return `values such as a${field.weighted_by}2 with ${between} between, the last ${field.length} count`;
    return `values with ${between} between, the last ${field.length} count`;
  },
  values(field, text) {
    const texts = this.texts(field, text);
    return field.weighted_by ? texts.map((one) => this.cut(field, one)[0]) : texts;
  },
  texts(field, text) {
    return this.json(text) ?? (text === "" ? [] : text.split(field.separator));
  },
  cut(field, text) {
    const at = text.lastIndexOf(field.weighted_by);
    if (at < 0) throw new Error(`${field.column} must have a weight behind each value`);
    return [text.slice(0, at), text.slice(at + field.weighted_by.length)];
  },
  tensor(field, text) {
    const last = this.values(field, text).slice(-field.length).map((value) => asRead(field, value));
    return ["string", [...Array(field.length - last.length).fill(""), ...last], [1, field.length]];
  },
  json(text) {
    if (!/^[[({]/.test(text)) return null;
    try {
      const values = JSON.parse(text);
      if (!Array.isArray(values) || values.some((value) => value !== null && typeof value === "object")) return null;
      return values.map((value) => (typeof value === "string" ? value : value === null ? "" : JSON.stringify(value)));
    } catch {
      return pythonList(text);
    }
  },
})

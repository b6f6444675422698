// Numbers with a separator between them, or a list of JSON or Python; the last ones count, padded on the left.
({
  suggests: false,
  hint(field) {
    if (field.width !== null && field.width !== undefined) return `${field.width} numbers`;
    return field.weighted_by ? columnKinds.list.hint(field) : "a number for each value";
  },
  tensor(field, text, row) {
    const list = columnKinds.list;
    const said = field.weighted_by ? list.texts(field, text).map((one) => list.cut(field, one)[1]) : list.values(field, text.trim());
    if (field.required && !said.length) throw new Error(`${field.column} must be given`);
    if (field.width && text.trim() && said.length !== field.width) throw new Error(`${field.column} must have ${field.width} numbers`);
    const other = field.beside && model.fields.find((one) => (one.name || one.column) === field.beside);
    if (other && columnKinds.list.values(other, row[other.column] ?? "").length !== said.length) {
      throw new Error(`${field.column} must have as many numbers as ${other.column} has values`);
    }
    const numbers = said.map((one) => {
      const number = String(one).trim() === "" ? NaN : columnKinds.number.tensor(field, one)[1][0];
      if (Number.isNaN(number)) throw new Error(`${field.column} must have numbers only`);
      return number;
    });
    const last = numbers.slice(-field.length);
    return ["float32", [...Array(field.length - last.length).fill(NaN), ...last], [1, field.length]];
  },
})

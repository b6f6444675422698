// A number, NaN where it is missing. Too small for a full fraction it becomes 0.
({
  suggests: false,
  hint: (field) => (field.required ? "a number" : "a number, or nothing"),
  tensor(field, text) {
    const said = text.trim();
    if (said === "" || /^[+-]?nan$/i.test(said)) return missingNumber(field);
    const isNumber = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(said);
    const word = { true: 1, false: 0 }[said.toLowerCase()] ?? NaN;
    const value = isNumber ? Math.fround(Number(said)) : word;
    if (!Number.isFinite(value)) throw new Error(`${field.column} must be a number`);
    if (field.nonnegative && value < 0) throw new Error(`${field.column} must not be negative`);
    return ["float32", [Math.abs(value) < 2 ** -126 ? 0 : value], [1]];
  },
})

// A number, NaN where it is missing. Too small for a full fraction it becomes 0.
({
  suggests: false,
  hint: (field) => (field.required ? "a number" : "a number, or nothing"),
  tensor(field, text) {
    const [said, percent] = this.plain(field.numerals, text.trim());
    if (said === "" || /^[+-]?nan$/i.test(said)) return missingNumber(field);
    const word = { true: 1, false: 0 }[said.toLowerCase()] ?? NaN;
    const value = this.isNumber(said) ? Math.fround(Number(said) / (percent ? 100 : 1)) : word;
    if (!Number.isFinite(value)) throw new Error(`${field.column} must be a number`);
    if (field.nonnegative && value < 0) throw new Error(`${field.column} must not be negative`);
    return ["float32", [Math.abs(value) < 2 ** -126 ? 0 : value], [1]];
  },
  isNumber: (text) => /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(text),
  // As kinds/columns/numerals.py: without marks between digits, currency and %.
  plain({ decimal, thousands, percent, currency }, text) {
    if (text === "" || (decimal === "." && !thousands && !percent && !currency)) return [text, false];
    const escaped = (mark) => mark.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const spaces = "[ \u00a0\u2009\u202f]";
    const between = thousands === " " ? spaces : escaped(thousands);
    const whole = thousands ? `[0-9]{1,3}(?:${between}[0-9]{2,3})*${between}[0-9]{3}|[0-9]+` : "[0-9]+";
    const money = currency ? [`(?:${escaped(currency)})?${spaces}?`, `${spaces}?(?:${escaped(currency)})?`] : ["", ""];
    const rest = `(?:${escaped(decimal)}[0-9]*)?(?:[eE][+-]?[0-9]+)?`;
    const end = percent ? `(?:${spaces}?(%))?` : "()";
    const found = new RegExp(`^([+-]?)${money[0]}([+-]?)((?:${whole})?)(${rest})${money[1]}${end}$`).exec(text);
    if (found === null) return [this.isNumber(text) ? `${text}?` : text, false];
    const digits = found[3].replace(/[^0-9]/g, "");
    const number = found[1] + found[2] + digits + found[4].replace(decimal, ".");
    return [this.isNumber(number) ? number : `${text}?`, found[5] === "%"];
  },
})

// Yes or no as 1 or 0, NaN where it is missing.
({
  suggests: false,
  hint: (field) => (field.required ? "yes or no" : "yes or no, or nothing"),
  tensor(field, text) {
    const said = text.trim().toLowerCase();
    if (said === "") return missingNumber(field);
    const isTrue = ["1", "1.0", "true", "yes", "t", "y"].includes(said);
    if (!isTrue && !["0", "0.0", "false", "no", "f", "n"].includes(said)) throw new Error(`${field.column} must be yes or no`);
    return ["float32", [isTrue ? 1 : 0], [1]];
  },
})

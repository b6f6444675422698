// Yes or no as 1 or 0, NaN where it is missing.
({
  suggests: false,
  hint: (field) => (field.required ? "yes or no" : "yes or no, or nothing"),
  tensor(field, text) {
    const said = text.trim().toLowerCase();
    if (said === "") return missingNumber(field);
    const yes = ["1", "1.0", "t", "y", "true", "yes", "ja", "wahr", "oui", "vrai", "si", "sí", "sì", "verdadero", "vero", "verdadeiro", "waar", "sim"];
    const no = ["0", "0.0", "f", "n", "false", "no", "nein", "falsch", "non", "faux", "falso", "nee", "onwaar", "não", "nao"];
    const isTrue = yes.includes(said);
    if (!isTrue && !no.includes(said)) throw new Error(`${field.column} must be yes or no`);
    return ["float32", [isTrue ? 1 : 0], [1]];
  },
})

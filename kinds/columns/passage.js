// One text of any number of words. What separates these beside the space becomes one, and A to Z may
// become small (kinds/columns/passages.py).
({
  suggests: false,
  hasLines: true,
  hint: () => "a text",
  tensor(field, text) {
    const letters = Array.from(text, (letter) => (field.spaces.includes(letter) ? " " : letter));
    const said = letters.join("");
    return ["string", [field.lower ? said.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : said], [1]];
  },
})

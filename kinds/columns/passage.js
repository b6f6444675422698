// One text of many words. What separates them beside the space becomes one (kinds/columns/passages.py).
({
  suggests: false,
  hint: () => "any text",
  tensor: (field, text) => ["string", [Array.from(text, (letter) => (field.spaces.includes(letter) ? " " : letter)).join("")], [1]],
})

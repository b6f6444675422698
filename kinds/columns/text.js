// One text, as it is typed.
({
  suggests: true,
  hint: () => "one value",
  tensor: (field, text) => ["string", [asRead(field, text)], [1]],
})

// The labels, best first, each with its probability. Where fewer are left than come back, nothing stands after them.
([labels, scores]) => element("ol", null, ...labels.map((label, at) =>
  element("li", null, element("bdi", label), bar(scores[at]), element("span", percent(scores[at]))))
  .filter((_, at) => labels[at] !== "" || scores[at] > 0))

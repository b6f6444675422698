// The labels, best first, each with its probability.
([labels, scores]) => element("ol", null, ...labels.map((label, at) =>
  element("li", null, element("bdi", label), bar(scores[at]), element("span", percent(scores[at])))))

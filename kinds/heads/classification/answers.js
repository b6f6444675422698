// How many of the best labels are in the set: those with so much probability before them, and a
// penalty for each rank after the fifth (coverage.py).
([, scores], limit, { penalty }) => {
  let before = 0;
  const isIn = scores.map((score, at) => {
    const strangeness = before + penalty * Math.max(at + 1 - 5, 0);
    before += score;
    return strangeness <= limit;
  });
  return { size: Math.max(isIn.filter(Boolean).length, 1) };
}

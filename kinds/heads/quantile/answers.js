// The interval from the outermost quantiles, moved apart or together (coverage.py).
([values], limit) => {
  const [low, high] = [values[0] - limit, values.at(-1) + limit];
  const middle = (low + high) / 2;
  return { low: Math.min(low, middle), high: Math.max(high, middle) };
}

// The interval around a rate, in units of about what a count deviates by (coverage.py).
([[rate]], limit) => {
  const half = limit * Math.sqrt(rate + 1);
  return { low: Math.max(rate - half, 0), high: rate + half };
}

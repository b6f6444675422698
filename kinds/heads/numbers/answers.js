// The interval around a number, of logarithms where the head learns them (coverage.py).
([[value]], limit, { log }) => {
  const line = (one) => (log ? Math.sign(one) * Math.log1p(Math.abs(one)) : one);
  const ownUnit = (one) => (log ? Math.sign(one) * Math.expm1(Math.abs(one)) : one);
  return { low: ownUnit(line(value) - limit), high: ownUnit(line(value) + limit) };
}

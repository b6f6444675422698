// How many of the best labels are in the set: those that are probable enough (coverage.py).
([, scores], limit) => ({ size: scores.filter((score) => -Math.log(score) <= limit).length })

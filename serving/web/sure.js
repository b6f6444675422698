// How sure an answer is: sets and intervals with a stated coverage, labels left out whose score is too
// low to be an answer, yes or no by the model's threshold (serving/model_file/answers.py).
"use strict";

const RANKED = 32;
const TIMES = 8;
const SHOWN = 20;

// The greatest strangeness that an answer may have; infinite where the calibration rows cannot give
// the coverage (kinds/heads/coverage.py).
function limitOf({ rows, places, scores }, coverage) {
  const place = Math.ceil((rows + 1) * coverage) - 1;
  const at = places.findIndex((one) => one >= place);
  return at < 0 ? Infinity : (scores[at] ?? Infinity);
}

// The greatest coverage that can be had, about.
function mostOf({ rows, places, scores }) {
  const at = scores.findLastIndex((score) => score !== null);
  return at < 0 ? 0 : (places[at] + 1) / (rows + 1);
}

// The calibration of all rows, or that of the row's slice (kinds/heads/slices.py).
function calibrationOf({ calibration, slices_by }, results) {
  if (!calibration.slices) return calibration;
  const id = Number(results[slices_by].data[0]);
  const { each, others } = calibration.slices;
  return each.find((one) => one.id === id) ?? others ?? calibration;
}

// {size} or {low, high} of a head; {} of one without such answers, and null where they are out of reach.
function answersOf(head, results, coverage) {
  const own = model.sure[head.name];
  if (own.calibration === null) return {};
  const limit = limitOf(calibrationOf(own, results), coverage);
  if (limit === Infinity) return null;
  return of(answerKinds, head.kind)(outputsOf(head, results), limit, own.calibration);
}

// The labels of a set, ranked again by `rank` with more of them until the set ends.
async function setOf(head, results, coverage, rank) {
  let [found, ranked] = [results, results[head.outputs[0]].data.length];
  let { size } = answersOf(head, found, coverage);
  while (size === ranked && ranked < head.entries) {
    found = await rank(ranked * TIMES);
    ranked = found[head.outputs[0]].data.length;
    ({ size } = answersOf(head, found, coverage));
  }
  return Array.from(found[head.outputs[0]].data).slice(0, size);
}

// The best labels, as many as the model gives, without those of too low a score. Where fewer are left
// that may come back, nothing stands after them.
function bestOf([labels, scores], least) {
  const kept = scores.slice(0, model.top_k).filter((score, at) => score >= least && (score > 0 || labels[at] !== ""));
  return [labels.slice(0, kept.length), scores.slice(0, kept.length)];
}

function ofLabels(set) {
  const some = set.slice(0, SHOWN).map((label) => element("bdi", label));
  const more = set.length > SHOWN ? [element("span", "...")] : [];
  return element("p", null, element("strong", set.length.toLocaleString("en")), ...some, ...more);
}

function ofNumbers({ low, high }) {
  return element("p", null, element("strong", `${low.toPrecision(4)} to ${high.toPrecision(4)}`));
}

// What is said below a head's answer.
async function sure(head, results, coverage, rank, isLimited) {
  const { calibration, threshold, support, label_ids, notes } = model.sure[head.name];
  const answers = isLimited ? {} : answersOf(head, results, coverage);
  const parts = [];
  if (threshold !== null) {
    const isYes = results[head.outputs[0]].data[0] >= Math.fround(threshold);
    const from = `yes from ${percent(threshold)} on`;
    parts.push(element("p", null, element("strong", isYes ? "yes" : "no"), element("small", from)));
  }
  if (isLimited && calibration !== null) {
    parts.push(element("p", "a coverage is over all labels, so it does not go with limits on labels"));
  } else if (answers === null) {
    const most = percent(mostOf(calibrationOf(model.sure[head.name], results)));
    parts.push(element("p", `no coverage of ${percent(coverage)}: it must be below ${most} here`));
  } else if (calibration !== null) {
    const isSet = answers.size !== undefined;
    parts.push(isSet ? ofLabels(await setOf(head, results, coverage, rank)) : ofNumbers(answers));
    const what = isSet ? "such sets hold the truth" : "such intervals hold the truth";
    parts.push(element("small", `${percent(coverage)} of ${what}`), ...notes.map((note) => element("small", note)));
  }
  if (support !== null && hasAnswer(head, results)) {
    const rows = supportOf(support, Number(results[label_ids].data[0]));
    parts.push(element("small", `training rows with the first answer: ${rows.toLocaleString("en")}`));
  }
  return element("div", null, ...(parts.length ? [element("h3", "how sure"), ...parts] : []));
}

// How many training rows have a label: runs of [rows, how many labels one after another].
function supportOf(runs, id) {
  let end = 0;
  return runs.find(([, labels]) => id < (end += labels))[0];
}

// Each quantile with its value.
([values], head) => element("div", null, ...values.map((value, at) =>
  element("p", null, `${head.settings.quantiles[at]}: `, element("strong", value.toPrecision(4)))))

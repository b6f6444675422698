// The number.
([[value]]) => element("p", null, element("strong", value.toPrecision(4)))

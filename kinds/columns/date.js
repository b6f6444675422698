// A point in time as whole seconds since 1970; where it is missing, what kinds/datetimes.py says.
({
  suggests: false,
  hint(field) {
    const form = field.dates === "iso" ? "2024-01-31 or 2024-01-31 18:30" : field.dates;
    return field.required ? form : `${form}, or nothing`;
  },
  tensor(field, text) {
    const said = text.trim();
    if (said === "" || /^(nan|nat)$/i.test(said)) {
      if (field.required) throw new Error(`${field.column} must be given`);
      return ["int64", [-(2n ** 63n)], [1]];
    }
    const counted = { seconds: 1, milliseconds: 1000 }[field.dates];
    const seconds = counted ? this.counted(said, counted) : this.written(field.dates, said);
    if (!(seconds >= -62135596800 && seconds <= 253402300799)) throw new Error(`${field.column} must be a date: ${field.dates}`);
    return ["int64", [BigInt(seconds)], [1]];
  },
  counted(text, inASecond) {
    const isNumber = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(text);
    return isNumber ? Math.floor(Number(text) / inASecond) : NaN;
  },
  // Seconds since 1970, NaN where the text is no point in time.
  written(form, text) {
    const found = this.pattern(form).exec(text)?.groups;
    if (!found) return NaN;
    const number = (name) => Number(found[name] ?? 0);
    const day = new Date(0);
    const month = found.Mon ? this.months.findIndex((name) => name.startsWith(found.Mon.slice(0, 3).toLowerCase())) : number("M") - 1;
    day.setUTCFullYear(number("Y"), month, number("D"));
    const exists = day.getUTCFullYear() === number("Y") && day.getUTCMonth() === month && number("Y") > 0;
    const half = (found.half ?? "").toLowerCase();
    let hour = number("hour");
    if (half && (hour < 1 || hour > 12)) return NaN;
    if (half) hour = (hour % 12) + (half === "p" ? 12 : 0);
    const within = hour < 24 && number("minute") < 60 && number("second") < 60;
    if (!exists || !within || number("zone_hour") > 23 || number("zone_minute") > 59) return NaN;
    const zone = (number("zone_hour") * 60 + number("zone_minute")) * (found.sign === "-" ? -1 : 1);
    return day.getTime() / 1000 + hour * 3600 + (number("minute") - zone) * 60 + number("second");
  },
  months: ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"],
  pattern(form) {
    const second = "(?::(?<second>[0-9]{2})(?:[.,][0-9]+)?)?";
    const zone = "(?:[Zz]| ?UTC|(?<sign>[+-])(?<zone_hour>[0-9]{2})(?::?(?<zone_minute>[0-9]{2}))?)?";
    if (form === "iso") {
      const clock = `[Tt ](?<hour>[0-9]{2}):(?<minute>[0-9]{2})${second}`;
      return new RegExp(`^(?<Y>[0-9]{4})-(?<M>[0-9]{2})-(?<D>[0-9]{2})(?:${clock}${zone})?$`);
    }
    if (form === "YMD") return /^(?<Y>[0-9]{4})(?<M>[0-9]{2})(?<D>[0-9]{2})$/;
    if (form.includes("Mon")) {
      const named = this.months.map((name) => `${name.slice(0, 3)}(?:${name.slice(3)})?`).join("|").replace("sep(?:", "sept?(?:");
      const fields = { D: "(?<D>[0-9]{1,2})", Mon: `(?<Mon>${named})[.]?`, Y: "(?<Y>[0-9]{4})" };
      const day = form.split(" ").map((part) => fields[part]).join("(?:, ?|[ /-])");
      const clock = `(?:,? |:|T)(?<hour>[0-9]{1,2}):(?<minute>[0-9]{2})${second}(?: ?(?<half>[ap])m)?(?: ?GMT)?(?: ?${zone.slice(0, -1)})?`;
      return new RegExp(`^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]? )?${day}(?:${clock})?$`, "i");
    }
    const parts = { Y: "(?<Y>[0-9]{4})", M: "(?<M>[0-9]{1,2})", D: "(?<D>[0-9]{1,2})" };
    const day = [...form].map((letter) => parts[letter] ?? `\\${letter}`).join("");
    const clock = ` (?<hour>[0-9]{1,2}):(?<minute>[0-9]{2})${second}(?: ?(?<half>[AaPp])[Mm])?`;
    return new RegExp(`^${day}(?:${clock})?$`);
  },
})

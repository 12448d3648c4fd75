// What the pages have in common: colours, elements, numbers as people read them.

// Colours of Okabe and Ito, on dark ground their lighter relatives; markers and dashes differ too.
export const LIGHT = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B57D00", "#56B4E9", "#000000", "#8C6D31"];
export const DARK = ["#56B4E9", "#FF8A4C", "#2FCB9B", "#E79CC5", "#E6B100", "#9AD0F5", "#FFFFFF", "#C9A86A"];

export const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// ---- numbers ----------------------------------------------------------------

const PREFIXES = { "-18": "a", "-15": "f", "-12": "p", "-9": "n", "-6": "µ", "-3": "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T" };

export function readable(value, unit = "", digits = 4) {
  if (value === null || value === undefined) return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (value === 0) return unit ? `0 ${unit}` : "0";
  if (!unit) {
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e6) return String(value);
    if (size >= 1e-3 && size < 1e6) return String(Number(value.toPrecision(digits)));
    return value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
  }
  let exponent = Math.floor(Math.log10(Math.abs(value)) / 3 + 1e-9) * 3;
  exponent = Math.min(12, Math.max(-18, exponent));
  let scaled = Number((value / 10 ** exponent).toPrecision(digits));
  if (Math.abs(scaled) >= 1000 && exponent < 12) { scaled /= 1000; exponent += 3; }
  return `${scaled} ${PREFIXES[exponent]}${unit}`;
}

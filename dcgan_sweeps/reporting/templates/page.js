"use strict";
// Shared by all pages: the content, the theme, and figures that follow the width of the page.
const content = JSON.parse(document.getElementById("content").textContent);
const drawn = new Map(); // element -> figure
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

function byId(id) { return document.getElementById(id); }

function make(tag, text = "", attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

const titles = new Map([...(content.rows ?? []), ...(content.seeds ?? [])].map((row) => [row.id, row.title]));

function describeRun(id) { return titles.get(id) ?? ""; }

function setTheme(theme) { document.documentElement.dataset.theme = theme; }

// Returns the figure of some series of {step: value}, each with its name and style.
function lines(series, names, horizontal, vertical) {
  const marks = series.flatMap((points, index) => {
    const [x, y, style] = [Object.keys(points).map(Number), Object.values(points), `s${index}`];
    const dots = x.length < 30 ? x.map((each, place) => ({ kind: "dot", small: true, style, x: [each], y: [y[place]], title: `${names[index]}: ${plain(y[place])} after ${horizontal} ${each}` })) : [];
    return x.length ? [{ kind: "line", style, x, y, title: names[index] }, ...dots] : [];
  });
  const legend = names.map((name, index) => [`s${index}`, name]).filter((_, index) => Object.keys(series[index]).length);
  return { label: vertical, legend, panels: [{ x: { label: horizontal, scale: "whole" }, y: { label: vertical, scale: "linear" }, marks }] };
}

setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));

// Figures are drawn again for a page of another width, which a sheet of paper is, too.
const PAPER = 700; // width of what is printed on A4, in pixels
let onPaper = false;
let last = innerWidth;

function widthOf(element) { return onPaper ? PAPER : element.clientWidth; }

function drawAgain() { for (const [element, figure] of drawn) if (element.clientWidth) draw(element, figure); }

addEventListener("resize", () => {
  if (innerWidth === last) return;
  last = innerWidth;
  drawAgain();
});
for (const [event, printing] of [["beforeprint", true], ["afterprint", false]]) addEventListener(event, () => { onPaper = printing; drawAgain(); });

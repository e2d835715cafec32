"use strict";
// Shared by all pages: the content, the theme, and plots that follow the theme.
const content = JSON.parse(document.getElementById("content").textContent);
const plots = new Map(); // element -> figure
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

function byId(id) { return document.getElementById(id); }

function make(tag, text = "", attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  for (const [element, figure] of plots) draw(element, figure);
}

// Draws a figure in the colours of the page.
function draw(element, figure) {
  plots.set(element, figure);
  const layout = structuredClone(figure.layout);
  const narrow = element.clientWidth < 500;
  Object.assign(layout, { paper_bgcolor: "transparent", plot_bgcolor: "transparent", autosize: true });
  layout.font = { ...layout.font, color: colour("--ink"), size: narrow ? 10 : 12 };
  layout.height = element.clientHeight || 340;
  for (const key of Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name)).concat("xaxis", "yaxis")) {
    layout[key] = { automargin: true, ...layout[key], gridcolor: colour("--line"), zerolinecolor: colour("--line"), linecolor: colour("--line") };
  }
  if (narrow) layout.legend = { ...layout.legend, orientation: "h", y: -0.3 };
  Plotly.react(element, structuredClone(figure.data), layout, { responsive: true, displaylogo: false, displayModeBar: "hover" });
}

// Draws each figure when it comes into view, because a page has many.
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((each) => each.isIntersecting)) {
    watcher.unobserve(entry.target);
    draw(entry.target, content.figures[entry.target.dataset.figure]);
  }
}, { rootMargin: "300px" });

function lines(series, names, horizontal, vertical) {
  const span = Math.max(0, ...series.flatMap((points) => Object.keys(points).map(Number)));
  const palette = ["#0072B2", "#E69F00", "#009E73", "#CC79A7"];
  const data = series.map((points, index) => ({ x: Object.keys(points).map(Number), y: Object.values(points), name: names[index], mode: Object.keys(points).length < 30 ? "lines+markers" : "lines", line: { color: palette[index], dash: ["solid", "dot", "dash", "dashdot"][index] } }));
  return { data, layout: { margin: { t: 10, r: 10, b: 45, l: 55 }, xaxis: { title: { text: horizontal }, ...(span < 12 ? { dtick: 1 } : {}) }, yaxis: { title: { text: vertical } }, showlegend: true, legend: { orientation: "h", y: 1.15 } } };
}

setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
document.querySelectorAll(".plot[data-figure]").forEach((element) => watcher.observe(element));

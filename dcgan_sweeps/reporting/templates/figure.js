// Draws figures as SVG in the page's own colours, from the specification in reporting/figures.py.
const TICKS = 6; // about as many ticks on an axis
const LETTER = 7; // width of a letter of a label, in pixels
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000, 31536000];

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Returns a number without a prefix of a unit: 0.25, 2e-4, 1500.
function plain(value, digits = 4) {
  const short = Number(value.toPrecision(digits));
  const isPlain = short === 0 || (Math.abs(short) >= 1e-2 && Math.abs(short) < 1e6);
  return isPlain ? String(short) : short.toExponential().replace("e+", "e");
}

function evenTicks(low, high, isWhole, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const nice = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.999) ?? power * 10;
  const step = isWhole ? Math.max(1, Math.round(nice)) : nice;
  const first = Math.ceil(low / step - 1e-9);
  const number = Math.min(50, Math.floor(high / step + 1e-9) - first + 1);
  return Array.from({ length: Math.max(0, number) }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

function logTicks(low, high, count) {
  const decades = Math.floor(Math.log10(high)) - Math.floor(Math.log10(low)) + 1;
  const powers = Array.from({ length: decades }, (_, index) => Math.floor(Math.log10(low)) + index);
  const within = (factors) => powers.flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`))).filter((value) => value >= low && value <= high);
  const fine = within([1, 2, 5]);
  if (fine.length < 2) return evenTicks(low, high, false, 3);
  if (fine.length <= count + 1) return fine;
  const coarse = within([1]);
  const every = Math.ceil(coarse.length / (count + 1));
  return coarse.length < 2 ? fine : coarse.filter((_, index) => index % every === 0);
}

function timeTicks(low, high, count) {
  const step = 1000 * (SECONDS.find((each) => each * 1000 >= (high - low) / count) ?? SECONDS.at(-1));
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, index) => (first + index) * step);
}

function showTime(ms, span) {
  const text = new Date(ms).toISOString();
  if (span > 3 * 86400e3) return text.slice(0, 10);
  return span > 600e3 ? text.slice(11, 16) : text.slice(11, 19);
}

// Returns how an axis maps its values to pixels, and its ticks as [position, label].
function makeScale(axis, values, start, end, count = TICKS) {
  if (axis.scale === "category") {
    const place = (value) => start + ((axis.values.indexOf(value) + 0.5) * (end - start)) / axis.values.length;
    return { place, ticks: axis.values.map((value) => [place(value), value]), step: Math.abs(end - start) / axis.values.length };
  }
  const isLog = axis.scale === "log";
  const [into, from] = isLog ? [Math.log10, (value) => 10 ** value] : [Number, Number];
  let [low, high] = [values.reduce((one, other) => Math.min(one, other), Infinity), values.reduce((one, other) => Math.max(one, other), -Infinity)].map(into);
  if (low > high) [low, high] = [0, 1];
  const pad = low === high ? Math.abs(low) * 0.1 || 1 : (high - low) * 0.05;
  const bottom = axis.zero ? 0 : low - pad;
  const top = high + pad;
  const place = (value) => start + ((into(value) - bottom) / (top - bottom)) * (end - start);
  const made = {
    log: () => logTicks(from(bottom), from(top), count),
    time: () => timeTicks(low, high, count),
    whole: () => evenTicks(low, high, true, count),
  }[axis.scale] ?? (() => evenTicks(bottom, top, false, count));
  const show = axis.scale === "time" ? (value) => showTime(value, high - low) : (value) => plain(value, 10);
  return { place, ticks: made().map((value) => [place(value), show(value)]) };
}

function fit(text, most) { return text.length <= most ? text : `${text.slice(0, most - 1)}\u2026`; }

function spread(list, axis) {
  return axis.scale === "category" ? [] : list.flat();
}

// Draws one panel into an SVG element within a box; returns the two scales.
function drawPanel(root, panel, { left, top, width, height }) {
  const values = (side) => spread(panel.marks.map((mark) => mark[side]), panel[side]);
  const down = makeScale(panel.y, values("y"), top + height - 44, top + 10);
  const most = Math.max(8, Math.floor(width / 3 / LETTER));
  const widest = Math.max(...down.ticks.map(([, label]) => fit(label, most).length), 1);
  const inner = { left: left + 28 + widest * LETTER, right: left + width - 14, top: top + 10, bottom: top + height - 44 };
  const across = makeScale(panel.x, values("x"), inner.left, inner.right, Math.max(2, Math.min(TICKS, Math.floor((inner.right - inner.left) / 70))));
  const room = panel.x.scale === "category" ? Math.max(3, Math.floor(across.step / LETTER)) : 20;
  for (const [x, label] of across.ticks) root.append(
    svg("line", { class: "grid", x1: x, x2: x, y1: inner.top, y2: inner.bottom }),
    svg("text", { x, y: inner.bottom + 16, "text-anchor": "middle" }, fit(label, room), svg("title", {}, label)));
  for (const [y, label] of down.ticks) root.append(
    svg("line", { class: "grid", x1: inner.left, x2: inner.right, y1: y, y2: y }),
    svg("text", { x: inner.left - 6, y: y + 4, "text-anchor": "end" }, fit(label, most), svg("title", {}, label)));
  const middle = (inner.top + inner.bottom) / 2;
  root.append(
    svg("text", { class: "label", x: (inner.left + inner.right) / 2, y: inner.bottom + 36, "text-anchor": "middle" }, panel.x.label),
    svg("text", { class: "label", x: left + 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 ${left + 12} ${middle})` }, fit(panel.y.label, Math.floor((inner.bottom - inner.top) / LETTER))));
  for (const mark of panel.marks) root.append(drawMark(mark, across, down));
  return { across, down, inner };
}

function drawMark(mark, across, down) {
  const points = mark.x.map((x, index) => [across.place(x), down.place(mark.y[index] ?? mark.y[0])]);
  const about = { class: `mark ${mark.kind} ${mark.style}`, "data-run": mark.run, style: mark.shade === undefined ? undefined : `--shade: ${Math.round(100 * mark.shade)}%` };
  const title = [svg("title", {}, mark.title ?? describeRun(mark.run))];
  const round = (number) => number.toFixed(1);
  if (mark.kind === "bar") {
    const height = Math.min(26, down.step * 0.7);
    const [[begin, y], [end]] = points;
    return svg("rect", { ...about, x: round(begin), width: round(Math.max(1.5, end - begin)), y: round(y - height / 2), height: round(height) }, ...title);
  }
  if (mark.kind === "line") return svg("polyline", { ...about, points: points.map((point) => point.map(round).join(",")).join(" ") }, ...title);
  return svg("circle", { ...about, cx: round(points[0][0]), cy: round(points[0][1]), r: mark.style.includes("best") ? 6 : mark.small ? 2.5 : 4.5 }, ...title);
}

// Draws a line for each trial over one vertical axis for each parameter.
function drawParallel(root, { axes, lines }, width, height) {
  const scales = axes.map((axis, index) => makeScale(axis, spread(lines.map((line) => [line.values[index]]), axis), height - 20, 40));
  const x = (index) => 50 + (index * (width - 110)) / Math.max(1, axes.length - 1);
  const room = Math.max(6, Math.floor((width - 110) / Math.max(1, axes.length - 1) / LETTER) - 1);
  for (const line of lines) root.append(svg("polyline", {
    class: `mark line ${line.best ? "best" : "shaded"}`, "data-run": line.run, style: `--shade: ${Math.round(100 * line.shade)}%`,
    points: line.values.map((value, index) => `${x(index).toFixed(1)},${scales[index].place(value).toFixed(1)}`).join(" "),
  }, svg("title", {}, describeRun(line.run))));
  axes.forEach((axis, index) => {
    root.append(svg("line", { class: "axis", x1: x(index), x2: x(index), y1: 40, y2: height - 20 }),
      svg("text", { class: "label", x: x(index), y: 20, "text-anchor": "middle" }, fit(axis.label, room), svg("title", {}, axis.label)));
    for (const [y, label] of scales[index].ticks) root.append(svg("text", { class: "halo", x: x(index) + 4, y: y + 4 }, fit(label, room)));
  });
}

function drawLegend(styles) {
  const legend = make("p", "", { class: "legend" });
  legend.append(...styles.map(([style, words]) => make("span", words, { class: style })));
  return legend;
}

// Draws a figure that fills its element; it is drawn again when the width of the page changes.
function draw(element, figure) {
  drawn.set(element, figure);
  const width = widthOf(element) || PAPER;
  const panels = figure.panels ?? [];
  const columns = Math.max(1, Math.min(panels.length, Math.floor(width / 220)));
  const lanes = panels[0]?.y.scale === "category" ? panels[0].y.values.length : 0;
  const tall = figure.height ?? (lanes ? Math.max(150, 64 + 34 * lanes) : columns > 1 ? 280 : 340);
  const height = tall * Math.max(1, Math.ceil(panels.length / columns));
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": figure.label ?? "figure" });
  const scales = panels.map((panel, index) => drawPanel(root, panel, { left: ((index % columns) * width) / columns, top: Math.floor(index / columns) * tall, width: width / columns, height: tall }));
  if (figure.axes) drawParallel(root, figure, width, height);
  element.replaceChildren(...(figure.legend?.length ? [drawLegend(figure.legend)] : []), root);
  return { width, height, scales };
}

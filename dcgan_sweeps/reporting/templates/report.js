// content.rows: {id, rank, name, outcome, score, style, title, cells, sort, params, facts, seeds}, one for each configuration;
// its id is that of its best run, and seeds has the ids of its runs if they are several; content.seeds: those runs; content.media by id;
// content.axes: {metric: label of its horizontal axis}; content.scales: {parameter or score: its axis};
// content.names: {short name: the full names that it can stand for}.
const MOST = 1000; // rows in the table, far more than fit on a screen
const TEXT = new Set(content.left);
const body = document.querySelector("#leaderboard tbody");
const rowOf = Object.fromEntries([...content.rows, ...content.seeds].map((row) => [row.id, row]));
const runs = Object.values(rowOf);
const unfolded = new Set(); // ids of the configurations whose seeds are listed

// The leaderboard can be sorted by a column and filtered.
let order = { column: null, descending: false };
let where = [];

function number(text) { const value = text === "" ? NaN : Number(text); return Number.isNaN(value) ? null : value; }

// Reads "key < value and key = value", as --where does; throws an Error with the problem.
function readFilters(text) {
  return text.split(/\s+and\s+/i).filter((part) => part.trim()).map((part) => {
    const found = /^\s*([\w./+-]+)\s*(<=|>=|!=|==|=|<|>)\s*(.+?)\s*$/.exec(part);
    if (!found) throw new Error(`cannot read "${part.trim()}"`);
    const [, key, sign, value] = found;
    const full = fullName(key);
    if (/[<>]/.test(sign) && number(value) === null) throw new Error(`${sign} needs a number`);
    return { key: full, sign, value: value.replace(/^['"]|['"]$/g, "") };
  });
}

// Returns the key that a name in a filter stands for: a key, or the heading of a column.
function fullName(name) {
  const isKey = (key) => runs.some((row) => find(row, key) !== undefined);
  if (isKey(name)) return name;
  const known = (content.names[name] ?? []).filter(isKey);
  if (known.length > 1) throw new Error(`${name} can be ${known.join(" or ")}`);
  if (!known.length) throw new Error(`no run has ${name}; allowed: ${content.headings.join(", ")}`);
  return known[0];
}

function find(row, key) { return row.params[key] ?? row.facts[key] ?? content.common[key]; }

function meets(row, { key, sign, value }) {
  const text = find(row, key);
  if (text === undefined) return false;
  const [one, other] = [number(String(text)), number(value)];
  if (sign.startsWith("<") || sign.startsWith(">")) {
    if (one === null) return false;
    return { "<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other }[sign];
  }
  const same = one === null || other === null ? String(text) === value : one === other;
  return same === (sign !== "!=");
}

function compare(one, other) {
  const [a, b] = [one, other].map((row) => row.sort[order.column]);
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1; // missing values come last
  return (a < b ? -1 : 1) * (order.descending ? -1 : 1);
}

// Returns the runs of a configuration that meet the filters.
function runsOf(row) {
  const own = row.seeds.length ? row.seeds.map((id) => rowOf[id]) : [row];
  return own.filter((run) => where.every((filter) => meets(run, filter)));
}

function shown() {
  const rows = content.rows.filter((row) => runsOf(row).length);
  return order.column ? [...rows].sort(compare) : rows;
}

function makeLine(row, kind) {
  const line = make("tr", "", { class: `${kind} ${row.style}`, tabindex: "0", "data-run": row.id });
  line.append(...content.columns.map((name) => make("td", row.cells[name], TEXT.has(name) ? { class: "text" } : {})));
  return line;
}

// Returns the row of several seeds; the button in it, and a click anywhere in it, lists them.
function makeConfiguration(row, isOpen) {
  const line = makeLine(row, "run several");
  line.removeAttribute("tabindex");
  const button = make("button", `${row.cells.seeds || row.seeds.length} ${isOpen ? "▾" : "▸"}`, { type: "button", "aria-expanded": isOpen, "aria-label": `runs of ${row.title}` });
  const place = content.columns.indexOf("seeds"); // there is none where all runs are repeats of one seed
  if (place < 0) line.cells[0].append(button);
  else line.cells[place].replaceChildren(button);
  return line;
}

function unfold(id) {
  if (!unfolded.delete(id)) unfolded.add(id);
  showRows();
  body.querySelector(`.several[data-run="${id}"] button`).focus();
}

// Opens the run of a row, or lists the seeds of a configuration.
function choose(line) {
  if (line.classList.contains("several")) unfold(line.dataset.run);
  else open(line.dataset.run);
}

function showRows() {
  const rows = shown();
  body.replaceChildren(...rows.slice(0, MOST).flatMap((row) => {
    if (!row.seeds.length) return [makeLine(row, "run")];
    const isOpen = onPaper || unfolded.has(row.id);
    return [makeConfiguration(row, isOpen), ...(isOpen ? runsOf(row).map((run) => makeLine(run, "run seed")) : [])];
  }));
  byId("shown").textContent = `${rows.length} of ${content.rows.length}${rows.length > MOST ? `, only the first ${MOST} are shown` : ""}`;
  document.querySelectorAll("#leaderboard th").forEach((heading) => {
    heading.setAttribute("aria-sort", heading.dataset.column !== order.column ? "none" : order.descending ? "descending" : "ascending");
  });
  showAtlas(rows);
}

document.querySelector("#leaderboard thead tr").append(...content.columns.map((name) => {
  const heading = make("th", "", { scope: "col", "data-column": name, ...(TEXT.has(name) ? { class: "text" } : {}) });
  const button = make("button", name, { type: "button" });
  button.addEventListener("click", () => {
    order = { column: name, descending: order.column === name && !order.descending };
    showRows();
  });
  heading.append(button);
  return heading;
}));
byId("keys").append(...content.keys.map((key) => make("option", "", { value: key })));
byId("where").addEventListener("input", (event) => {
  try {
    where = readFilters(event.target.value);
    event.target.setAttribute("aria-invalid", "false");
    showRows();
  } catch (error) {
    event.target.setAttribute("aria-invalid", "true");
    byId("shown").textContent = error.message;
  }
});
body.addEventListener("click", (event) => choose(event.target.closest("tr")));
body.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches("tr")) choose(event.target); });

// The atlas is a table where the runs are a grid of two parameters, else a scatter plot of pictures.
const FEW = 12; // columns of a table at most
const NOTHING = "";

function isRate(key) { return key.split(".").at(-1).startsWith("lr"); }

function lastGrid(id) {
  const grids = content.media[id]?.grids ?? {};
  return Object.values(grids).at(-1);
}

function valueOf(row, key) {
  if (key === content.score) return row.score ?? undefined;
  const text = row.params[key] ?? content.common[key];
  return text === undefined || content.scales[key].scale === "category" ? text : Number(text);
}

function distinct(rows, key) {
  if (key === NOTHING) return [undefined];
  const values = [...new Set(rows.map((row) => valueOf(row, key)).filter((value) => value !== undefined))];
  return values.sort((a, b) => (typeof a === "number" ? a - b : a < b ? -1 : 1));
}

function showAtlas(rows) {
  const pictured = rows.filter((row) => lastGrid(row.id));
  const [across, up] = [byId("across").value, byId("up").value];
  byId("atlas").hidden = !across;
  if (!across) return;
  byId("axes").textContent = `Across: ${across}. Up: ${up || "nothing"}.`;
  const [columns, lines] = [distinct(pictured, across), distinct(pictured, up)];
  const isTable = up === NOTHING || (columns.length <= FEW && columns.length * lines.length <= 1.5 * pictured.length);
  byId("moved").hidden = isTable;
  byId("pictures").className = isTable ? "wide" : "scatter";
  byId("pictures").replaceChildren();
  if (isTable) showTable(pictured, [across, up], columns, lines.reverse());
  else showScatter(pictured, [across, up]);
}

function showTable(rows, [across, up], columns, lines) {
  const say = (value) => (value === undefined ? "" : typeof value === "number" ? plain(value) : value);
  const table = make("table", "", { class: "atlas" });
  const head = make("tr");
  head.append(make("th", up === NOTHING ? `${across} →` : `${up} ↑   ${across} →`, { class: "text" }), ...columns.map((value) => make("th", say(value), { scope: "col", class: "text" })));
  table.createTHead().append(head);
  table.createTBody().append(...lines.map((below) => {
    const line = make("tr");
    line.append(make("th", say(below), { scope: "row", class: "text" }), ...columns.map((value) => {
      const cell = make("td");
      cell.append(...rows.filter((row) => valueOf(row, across) === value && (up === NOTHING || valueOf(row, up) === below)).map(thumbnail));
      return cell;
    }));
    return line;
  }));
  byId("pictures").append(table);
}

function showScatter(rows, keys) {
  const placed = rows.filter((row) => keys.every((key) => valueOf(row, key) !== undefined));
  const others = rows.filter((row) => !placed.includes(row));
  const plot = make("div", "", { class: "plot" });
  byId("pictures").append(plot);
  const narrow = widthOf(plot) < 800;
  byId("pictures").classList.toggle("narrow", narrow);
  const marks = placed.map((row) => ({ kind: "dot", small: true, style: row.style, x: [valueOf(row, keys[0])], y: [valueOf(row, keys[1])] }));
  const axes = keys.map((key) => content.scales[key]);
  const { width, height, scales: [{ across, down, inner }] } = draw(plot, { label: "atlas", height: narrow ? 500 : 640, panels: [{ x: axes[0], y: axes[1], marks }] });
  drawn.delete(plot);
  const size = narrow ? 52 : 84;
  const within = (value, low, high) => Math.min(Math.max(value, low + size / 2), high - size / 2);
  const ideal = marks.map((mark) => [within(across.place(mark.x[0]), inner.left, width), within(down.place(mark.y[0]), 0, inner.bottom)]);
  const places = moveApart(ideal, size * 0.65, [inner.left + size / 2, width - size / 2, size / 2, inner.bottom - size / 2]);
  plot.append(...placed.map((row, index) => {
    const [x, y] = places[index];
    const button = thumbnail(row);
    button.style.cssText = `left: ${(100 * (x - size / 2)) / width}%; top: ${(100 * (y - size / 2)) / height}%; width: ${(100 * size) / width}%; --place: ${placed.length - index}`;
    return button;
  }));
  if (!others.length) return;
  const rest = make("div", "", { class: "rest" });
  rest.append(make("p", `Without a value of ${keys.join(" or ")}:`), ...others.map(thumbnail));
  byId("pictures").append(rest);
}

// Returns the points, each moved along a spiral until it is `apart` from those before it.
function moveApart(points, apart, [left, right, top, bottom]) {
  const taken = [];
  for (const [atX, atY] of points) {
    let [x, y] = [atX, atY];
    const isFree = () => x >= left && x <= right && y >= top && y <= bottom && taken.every(([a, b]) => Math.hypot(a - x, b - y) >= apart);
    for (let turn = 1; turn < 4000 && !isFree(); turn += 1) {
      x = atX + 4 * Math.sqrt(turn) * Math.cos(2.4 * turn);
      y = atY + 4 * Math.sqrt(turn) * Math.sin(2.4 * turn);
    }
    taken.push([x, y]);
  }
  return taken;
}

function thumbnail(row) {
  const button = make("button", "", { type: "button", title: row.title, class: `thumbnail ${row.style}`, "data-run": row.id });
  const label = make("span", row.rank ? `#${row.rank} ` : `${row.outcome} `);
  label.append(make("i", row.cells.fcd ?? ""));
  button.append(make("img", "", { src: lastGrid(row.id), alt: `samples of ${row.name}` }), label);
  button.addEventListener("click", () => open(row.id));
  return button;
}

const rate = content.params.find(isRate) ?? content.params[0] ?? NOTHING;
const second = content.params.find((key) => key !== rate) ?? (distinct(content.rows, rate).length > 8 ? content.score : NOTHING);
for (const [id, start] of [["across", rate], ["up", second]]) {
  byId(id).append(...content.params.concat(rate ? content.score : []).map((key) => make("option", key, { value: key })));
  if (id === "up") byId(id).append(make("option", "nothing", { value: NOTHING }));
  byId(id).value = start;
  byId(id).addEventListener("change", () => showRows());
}
addEventListener("resize", () => showAtlas(shown()));
for (const event of ["beforeprint", "afterprint"]) addEventListener(event, showRows);
for (const element of document.querySelectorAll("[data-figure]")) {
  draw(element, { label: element.closest("section").querySelector("h2").textContent, ...content.figures[element.dataset.figure] });
  element.addEventListener("click", (event) => {
    const mark = event.target.closest("[data-run]");
    if (mark) open(mark.dataset.run);
  });
}

// One run: its samples, its curves, its configuration.
let playing = null;

function open(id) {
  const row = rowOf[id];
  const media = content.media[id] ?? { curves: {}, grids: {} };
  byId("run-title").textContent = row.facts.name;
  byId("run-facts").textContent = row.summary;
  byId("run-command").textContent = row.command;
  byId("run").showModal();
  byId("run").scrollTop = 0;
  showSamples(media.grids, row.name);
  // The page has the GIF and the earlier grids of the best runs only; the MLflow runs have all of them.
  byId("gif").hidden = !media.gif;
  if (media.gif) Object.assign(byId("gif"), { href: media.gif, download: `${row.name.replace(/\W+/g, "_")}.gif`, textContent: "save as GIF" });
  for (const [place, axis, what] of [["run-scores", "epoch", "score"], ["run-losses", "optimizer step", "loss"]]) {
    const names = Object.keys(content.axes).filter((name) => content.axes[name] === axis);
    draw(byId(place), { ...lines(names.map((name) => media.curves[name] ?? {}), names, axis, what), height: 250 });
  }
  for (const [place, values] of [["run-varied", row.params], ["run-common", content.common]]) {
    byId(place).tBodies[0].replaceChildren(...Object.entries(values).map(([key, value]) => {
      const line = make("tr");
      line.append(make("th", key, { scope: "row", class: "text" }), make("td", value));
      return line;
    }));
  }
}

function showSamples(grids, name) {
  const epochs = Object.keys(grids).map(Number);
  const slider = byId("epoch");
  byId("samples").hidden = !epochs.length;
  if (!epochs.length) return;
  Object.assign(slider, { min: 0, max: epochs.length - 1, value: epochs.length - 1 });
  slider.oninput = () => {
    const epoch = epochs[slider.value];
    const image = document.querySelector("#samples img");
    Object.assign(image, { src: grids[epoch], alt: `samples of ${name} after epoch ${epoch}` });
    document.querySelector("#samples figcaption").textContent = `Samples of fixed latents after epoch ${epoch} of ${epochs.at(-1)}${epoch === 0 ? " (untrained)" : ""}.`;
  };
  slider.oninput();
  document.querySelector("#samples p").hidden = epochs.length < 2;
  byId("play").onclick = () => play(slider);
  stop();
}

function play(slider) {
  if (playing) { stop(); return; }
  byId("play").textContent = "stop";
  const step = () => { slider.value = (Number(slider.value) + 1) % (Number(slider.max) + 1); slider.oninput(); };
  step();
  playing = setInterval(step, calm ? 2000 : 600);
}

function stop() { clearInterval(playing); playing = null; byId("play").textContent = "play"; }

byId("run").addEventListener("close", stop);
byId("copy").addEventListener("click", async () => {
  const selection = getSelection();
  selection.selectAllChildren(byId("run-command"));
  try { await navigator.clipboard.writeText(byId("run-command").textContent); byId("copy").textContent = "copied"; } catch { byId("copy").textContent = "selected"; }
});
showRows();

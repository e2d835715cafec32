// content.rows: {id, rank, name, outcome, score, cells, sort, params, facts}; content.media by id;
// content.axes: {metric: label of its horizontal axis}.
const MOST = 1000; // rows in the table, far more than fit on a screen
const TEXT = new Set(content.left);
const body = document.querySelector("#leaderboard tbody");
const rowOf = Object.fromEntries(content.rows.map((row) => [row.id, row]));

// The leaderboard can be sorted by a column and filtered.
let order = { column: null, descending: false };
let where = [];

function number(text) { const value = text === "" ? NaN : Number(text); return Number.isNaN(value) ? null : value; }

// Reads "key < value and key = value", as --where does; throws an Error with the problem.
function readFilters(text) {
  return text.split(/\s+and\s+/i).filter((part) => part.trim()).map((part) => {
    const found = /^\s*([\w./-]+)\s*(<=|>=|!=|==|=|<|>)\s*(.+?)\s*$/.exec(part);
    if (!found) throw new Error(`cannot read "${part.trim()}"`);
    const [, key, sign, value] = found;
    if (!content.rows.some((row) => find(row, key) !== undefined)) throw new Error(`no run has the key ${key}`);
    if (/[<>]/.test(sign) && number(value) === null) throw new Error(`${sign} needs a number`);
    return { key, sign, value: value.replace(/^['"]|['"]$/g, "") };
  });
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

function shown() {
  const rows = content.rows.filter((row) => where.every((filter) => meets(row, filter)));
  return order.column ? [...rows].sort(compare) : rows;
}

function showRows() {
  const rows = shown();
  body.replaceChildren(...rows.slice(0, MOST).map((row) => {
    const line = make("tr", "", { class: "run", tabindex: "0", "data-run": row.id });
    line.append(...content.columns.map((name) => make("td", row.cells[name], TEXT.has(name) ? { class: "text" } : {})));
    return line;
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
body.addEventListener("click", (event) => open(event.target.closest("tr").dataset.run));
body.addEventListener("keydown", (event) => { if (event.key === "Enter") open(event.target.closest("tr").dataset.run); });

// The atlas has a cell for each pair of values of two parameters, or of ranges if there are many values.
const BINS = 5;

function binsOf(rows, key) {
  const texts = [...new Set(rows.map((row) => find(row, key)).filter((text) => text !== undefined))];
  const isNumeric = texts.every((text) => number(text) !== null);
  if (!isNumeric) return texts.sort().map((text) => ({ label: text, has: (value) => value === text }));
  const values = texts.map(Number).sort((a, b) => a - b);
  if (values.length <= BINS + 1) return values.map((value) => ({ label: brief(value), has: (text) => Number(text) === value }));
  return Array.from({ length: BINS }, (_, index) => {
    const part = values.slice(Math.floor((index * values.length) / BINS), Math.floor(((index + 1) * values.length) / BINS));
    const [low, high] = [part[0], part[part.length - 1]];
    return { label: low === high ? brief(low) : `${brief(low)} to ${brief(high)}`, has: (text) => Number(text) >= low && Number(text) <= high };
  });
}

function brief(value) { return String(Number(value.toPrecision(3))); }

function lastGrid(id) {
  const grids = content.media[id]?.grids ?? {};
  return Object.values(grids).at(-1);
}

function showAtlas(rows) {
  const pictured = rows.filter((row) => lastGrid(row.id));
  const keys = [byId("across").value, byId("down").value];
  if (!keys[0] || !pictured.length) { byId("atlas").hidden = !keys[0]; document.querySelector("#atlas tbody").replaceChildren(); return; }
  byId("atlas").hidden = false;
  const [across, down] = keys.map((key) => (key ? binsOf(pictured, key) : [{ label: "", has: () => true }]));
  const head = make("tr");
  head.append(make("th", keys[1] ? `${keys[1]} \u2193   ${keys[0]} \u2192` : `${keys[0]} \u2192`, { class: "text" }), ...across.map((bin) => make("th", bin.label, { scope: "col", class: "text" })));
  document.querySelector("#atlas thead").replaceChildren(head);
  document.querySelector("#atlas tbody").replaceChildren(...down.map((below) => {
    const line = make("tr");
    line.append(make("th", below.label, { scope: "row", class: "text" }), ...across.map((bin) => {
      const cell = make("td");
      const inside = pictured.filter((row) => bin.has(find(row, keys[0])) && (!keys[1] || below.has(find(row, keys[1]))));
      cell.append(...inside.map(thumbnail));
      return cell;
    }));
    return line;
  }));
}

function thumbnail(row) {
  const button = make("button", "", { type: "button", title: row.name, "data-run": row.id });
  button.append(make("img", "", { src: lastGrid(row.id), alt: `samples of ${row.name}` }), make("span", `${row.rank ? `#${row.rank} ` : `${row.outcome} `}${row.cells.fcd ?? ""}`));
  button.addEventListener("click", () => open(row.id));
  return button;
}

for (const [id, index] of [["across", 0], ["down", 1]]) {
  byId(id).append(...content.params.map((key) => make("option", key, { value: key })));
  if (index) byId(id).append(make("option", "nothing", { value: "" }));
  byId(id).value = content.params[index] ?? "";
  byId(id).addEventListener("change", () => showRows());
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
  // The page has the GIFs of the best runs only; the MLflow runs have all of them.
  byId("gif").hidden = !media.gif;
  if (media.gif) Object.assign(byId("gif"), { href: media.gif, download: `${row.name.replace(/\W+/g, "_")}.gif`, textContent: "save as GIF" });
  for (const [place, axis, what] of [["run-scores", "epoch", "score"], ["run-losses", "optimizer step", "loss"]]) {
    const names = Object.keys(content.axes).filter((name) => content.axes[name] === axis);
    draw(byId(place), lines(names.map((name) => media.curves[name] ?? {}), names, axis, what));
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

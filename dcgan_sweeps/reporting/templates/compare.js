// content.names: of A and B; content.curves: {metric: [points of A, points of B]}; content.grids: [A, B].
const epochs = [...new Set(content.grids.flatMap((grids) => Object.keys(grids).map(Number)))].sort((a, b) => a - b);
const slider = byId("epoch");

function showEpoch() {
  const epoch = epochs[slider.value];
  byId("shown").textContent = epoch;
  content.grids.forEach((grids, side) => {
    const image = byId(`grid-${side}`);
    image.hidden = !(epoch in grids);
    if (epoch in grids) Object.assign(image, { src: grids[epoch], alt: `samples of ${content.names[side]} after epoch ${epoch}` });
    image.parentElement.querySelector("figcaption").textContent = `${"AB"[side]}: ${content.names[side]}, ${epoch in grids ? `after epoch ${epoch}` : `no grid of epoch ${epoch}`}`;
  });
}

byId("samples").hidden = !epochs.length;
if (epochs.length) {
  Object.assign(slider, { min: 0, max: epochs.length - 1, value: epochs.indexOf(content.step) });
  slider.addEventListener("input", showEpoch);
  showEpoch();
}
for (const element of document.querySelectorAll(".plot[data-curve]")) {
  const name = element.dataset.curve;
  draw(element, lines(content.curves[name], ["A", "B"], name.startsWith("score/") ? "epoch" : "optimizer step", name));
}

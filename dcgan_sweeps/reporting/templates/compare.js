// content.names: names of the runs; content.media: their {curves, grids}; content.axes: {metric: label of its horizontal axis}.
const epochs = [...new Set(content.media.flatMap(({ grids }) => Object.keys(grids).map(Number)))].sort((a, b) => a - b);
const slider = byId("epoch");

function showEpoch() {
  const epoch = epochs[slider.value];
  byId("shown").textContent = epoch;
  content.media.forEach(({ grids }, side) => {
    const image = byId(`grid-${side}`);
    image.hidden = !(epoch in grids);
    if (epoch in grids) Object.assign(image, { src: grids[epoch], alt: `samples of ${content.names[side]} after epoch ${epoch}` });
    image.parentElement.querySelector("figcaption").textContent = `${"ABCDEF"[side]}: ${content.names[side]}, ${epoch in grids ? `after epoch ${epoch}` : `no grid after epoch ${epoch}`}`;
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
  draw(element, lines(content.media.map(({ curves }) => curves[name] ?? {}), [..."ABCDEF"].slice(0, content.media.length), content.axes[name], name));
}

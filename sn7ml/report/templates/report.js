"use strict";
const config = {displaylogo: false, responsive: true, showSendToCloud: false, scrollZoom: false, plotlyServerURL: ""};

function draw(box) {
  if (box.dataset.drawn || box.closest("details:not([open])")) return;  // a closed box has no width to draw in
  box.dataset.drawn = "yes";
  const figure = JSON.parse(document.getElementById(box.dataset.json).textContent);
  const clear = "rgba(0,0,0,0)";
  const layout = Object.assign({}, figure.layout, {autosize: true, paper_bgcolor: clear, plot_bgcolor: clear, modebar: {bgcolor: clear}});
  const map = layout.dragmode === "pan";  // only a map is large enough to need tools beside the mouse
  Plotly.newPlot(box, figure.data, layout, Object.assign({displayModeBar: map}, config));
}

function drawAll() { document.querySelectorAll(".plot").forEach(draw); }

document.querySelectorAll("details").forEach(box => box.addEventListener("toggle", drawAll));
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach(box => { box.open = true; });
  drawAll();
});
drawAll();

function compare(a, b) {
  const [left, right] = [a, b].map(cell => cell.dataset.number);
  if (left !== undefined && right !== undefined) return Number(left) - Number(right);
  return a.textContent.localeCompare(b.textContent, undefined, {numeric: true});
}

function sortBy(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const down = heads[column].ariaSort === "descending";
  heads.forEach(head => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", down ? "ascending" : "descending");
  const empty = row => row.cells[column].textContent === "–";
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => empty(a) - empty(b) || (down ? 1 : -1) * compare(a.cells[column], b.cells[column]));
  table.tBodies[0].append(...rows);
}

document.querySelectorAll("table.sortable").forEach(table => {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sortBy(table, column));
    head.append(button);
  });
});
